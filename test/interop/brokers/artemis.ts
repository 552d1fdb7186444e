import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { javaProgram, jarVersion } from './java.js';
import type { Place, Recipe } from './program-broker.js';

const JAAS = 'org.apache.activemq.artemis.spi.core.security.jaas';

export const artemisVersion = jarVersion('artemis');

/** Apache ActiveMQ Artemis. Its MQTT listeners speak WebSocket too. */
export const artemis: Recipe = {
  name: 'artemis',
  configure: async (place) => {
    const { folder } = place;
    const login = join(folder, 'login.config');
    await mkdir(join(folder, 'etc'));
    await writeFile(join(folder, 'etc', 'broker.xml'), configuration(place));
    await writeFile(
      login,
      `interop { ${JAAS}.GuestLoginModule required credentialsInvalidate=true
      org.apache.activemq.jaas.guest.user="anybody" org.apache.activemq.jaas.guest.role="anybody"; };`,
    );
    const main = 'org.apache.activemq.artemis.core.server.embedded.Main';
    return [javaProgram('artemis', [`-Djava.security.auth.login.config=${login}`, main, folder])];
  },
};

function configuration({ folder, ports, certificate }: Place): string {
  const mqtt = 'protocols=MQTT;securityDomain=interop';
  const store = `keyStorePath=${certificate.keyStore};keyStoreType=PKCS12;keyStorePassword=${certificate.keyStorePassword}`;
  const data = join(folder, 'data');
  return `<configuration xmlns="urn:activemq"><core xmlns="urn:activemq:core">
    <name>interop</name>
    <journal-type>NIO</journal-type>
    <journal-file-size>1M</journal-file-size>
    <bindings-directory>${join(data, 'bindings')}</bindings-directory>
    <journal-directory>${join(data, 'journal')}</journal-directory>
    <large-messages-directory>${join(data, 'large')}</large-messages-directory>
    <paging-directory>${join(data, 'paging')}</paging-directory>
    <max-disk-usage>-1</max-disk-usage>
    <acceptors>
      <acceptor name="mqtt">tcp://127.0.0.1:${ports.mqtt}?${mqtt}</acceptor>
      <acceptor name="mqtts">tcp://127.0.0.1:${ports.tls}?${mqtt};sslEnabled=true;${store}</acceptor>
      <acceptor name="ws">tcp://127.0.0.1:${ports.ws}?${mqtt}</acceptor>
    </acceptors>
    <security-settings>
      ${permissions('#', 'anybody')}
      ${permissions('denied.#', 'nobody')}
    </security-settings>
  </core></configuration>`;
}

/** Topics have dots for slashes. */
function permissions(match: string, role: string): string {
  const types = ['createAddress', 'createDurableQueue', 'createNonDurableQueue', 'deleteDurableQueue'];
  const all = [...types, 'deleteNonDurableQueue', 'deleteAddress', 'consume', 'send', 'browse'];
  const lines = all.map((type) => `<permission type="${type}" roles="${role}"/>`);
  return `<security-setting match="${match}">${lines.join('')}</security-setting>`;
}
