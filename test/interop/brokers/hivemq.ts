import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { javaProgram, jarVersion } from './java.js';
import type { Place, Recipe } from './program-broker.js';

const PROGRAM = fileURLToPath(new URL('HiveMq.java', import.meta.url));

export const hivemqVersion = jarVersion('hivemq');

/** HiveMQ Community Edition. */
export const hivemq: Recipe = {
  name: 'hivemq',
  wsPath: '/mqtt',
  configure: async (place) => {
    for (const name of ['data', 'extensions']) await mkdir(join(place.folder, name));
    await writeFile(join(place.folder, 'config.xml'), configuration(place));
    return [javaProgram('hivemq', [PROGRAM, place.folder])];
  },
};

function configuration({ ports, certificate }: Place): string {
  const { keyStore, keyStorePassword } = certificate;
  return `<hivemq>
    <listeners>
      <tcp-listener>${address(ports.mqtt)}</tcp-listener>
      <tls-tcp-listener>${address(ports.tls)}<tls><keystore>
        <path>${keyStore}</path>
        <password>${keyStorePassword}</password>
        <private-key-password>${keyStorePassword}</private-key-password>
      </keystore></tls></tls-tcp-listener>
      <websocket-listener>${address(ports.ws)}<path>/mqtt</path></websocket-listener>
    </listeners>
    <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
  </hivemq>`;
}

function address(port: number): string {
  return `<port>${port}</port><bind-address>127.0.0.1</bind-address>`;
}
