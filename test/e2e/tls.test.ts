import { createPrivateKey } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ClientMqtt,
  ConfigurationError,
  ConnectionError,
  type MqttConnectionOptions,
} from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import {
  createCertificateAuthority,
  type Certificate,
  type CertificateAuthority,
  type CertificateRequest,
} from '../support/certificates.js';
import { freePort } from '../support/free-port.js';
import type { TlsSetup } from '../support/mosquitto-config.js';
import { startMosquitto, type Mosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;
let authority: CertificateAuthority;
let other: CertificateAuthority;

beforeAll(async () => {
  authority = await createCertificateAuthority();
  other = await createCertificateAuthority('Other CA');
});
beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const startTls = (tls: TlsSetup) => startMosquitto({ listeners: ['mqtts', 'wss'], tls });
const KINDS = ['mqtts', 'wss'] as const;

/** The message of the error with which connecting fails. */
async function failureOf(options: MqttConnectionOptions): Promise<string> {
  const failure = await outcomeOf(new ClientMqtt(options).connect());
  expect(failure).toBeInstanceOf(ConnectionError);
  return (failure as ConnectionError).message;
}

/** Server and client over TLS: a request and its reply. */
async function exchange(options: MqttConnectionOptions): Promise<unknown> {
  await using _server = await startServer(options, { messages: { sum: () => 3 } });
  await using client = await startClient(options.url!, options);
  return await outcomeOf(client.send('sum', [1, 2]));
}

describeWithMosquitto('TLS', () => {
  let broker: Mosquitto;
  let path: string;

  beforeAll(async () => {
    broker = await startTls(await authority.issue());
    path = join(broker.folder, 'ca.pem');
    await writeFile(path, authority.cert);
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  it.each<[string, () => MqttConnectionOptions['ca']]>([
    ['PEM', () => authority.cert],
    ['a path', () => path],
    ['bytes', () => Buffer.from(authority.cert)],
    ['several of them', () => [other.cert, path]],
    ['several in one text', () => other.cert + authority.cert],
  ])('trusts the broker by its authority: %s', async (_, ca) => {
    for (const kind of KINDS) expect(await exchange({ url: broker.urlOf(kind), ca: ca()! })).toBe(3);
    expect(await exchange({ url: broker.urlOf('mqtts', 'localhost'), ca: ca()! })).toBe(3);
  });

  it.each(KINDS)('trusts no other authority (%s)', async (kind) => {
    const advice =
      "the broker's certificate is from an authority that is not trusted: give the authority's certificate as ca";
    for (const ca of [undefined, other.cert]) {
      const message = await failureOf({ url: broker.urlOf(kind), ca });
      expect(message).toBe(
        `Cannot connect to ${broker.urlOf(kind)} (UNABLE_TO_VERIFY_LEAF_SIGNATURE: ${advice})`,
      );
    }
  });

  it('trusts whomever with rejectUnauthorized: false, which is for tests', async () => {
    expect(await exchange({ url: broker.urlOf('mqtts'), rejectUnauthorized: false })).toBe(3);
  });

  it.each(KINDS)('goes to the host of the certificate only, or to its servername (%s)', async (kind) => {
    await using elsewhere = await startTls(await authority.issue({ hosts: ['broker.example.com'] }));
    const options = { url: elsewhere.urlOf(kind, 'localhost'), ca: authority.cert };
    expect(await failureOf(options)).toBe(
      `Cannot connect to ${options.url} (ERR_TLS_CERT_ALTNAME_INVALID: the broker's certificate is for DNS:broker.example.com, ` +
        'not for "localhost": connect to a name that it has, or give one as servername)',
    );
    expect(await exchange({ ...options, servername: 'broker.example.com' })).toBe(3);
  });

  it.each<[string, CertificateRequest['validDays'], string]>([
    ['has expired', [-2, -1], "CERT_HAS_EXPIRED: the broker's certificate has expired"],
    ['is not yet valid', [1, 2], "CERT_NOT_YET_VALID: the broker's certificate is not yet valid"],
  ])('refuses a certificate that %s', async (_, validDays, message) => {
    await using late = await startTls(await authority.issue({ validDays: validDays! }));
    for (const kind of KINDS)
      expect(await failureOf({ url: late.urlOf(kind), ca: authority.cert })).toContain(message);
  });

  it('says so where the port has none', async () => {
    const message = await failureOf({ url: broker.url.replace('mqtt:', 'mqtts:'), ca: authority.cert });
    expect(message).toMatch(
      /\((.*ECONNRESET.*: is this its port, with TLS or without\?|EPROTO: the broker speaks no TLS.*)\)/,
    );
  });

  it('is made with the name of each of several servers', async () => {
    await using byAddress = await startTls(await authority.issue({ hosts: ['127.0.0.1'] }));
    const servers = [
      { host: 'localhost', port: await freePort() },
      { host: '127.0.0.1', port: Number(byAddress.addresses.mqtts) },
    ].map((server) => ({ ...server, protocol: 'mqtts' as const }));
    await using server = createServer({
      servers,
      ca: authority.cert,
      reconnectPeriod: 5,
      maxConnectionAttempts: 2,
    });
    expect(await outcomeOf(listen(server))).toBe('done');
  });

  it('reads files again before each attempt', async () => {
    const file = join(broker.folder, 'renewed.pem');
    await writeFile(file, other.cert);
    await using proxy = await startTcpProxy({ port: Number(broker.addresses.mqtts) });
    const url = proxy.url.replace('mqtt:', 'mqtts:');
    await using server = createServer({ url, ca: file, reconnectPeriod: 5 });
    const listening = outcomeOf(listen(server));
    await until(() => logs.errors().some((line) => line.includes('not trusted')));
    await writeFile(file, authority.cert);
    expect(await listening).toBe('done');

    await rm(file);
    proxy.cut();
    await until(() => logs.errors().some((line) => line.includes(`ca: "${file}"`)));
    await writeFile(file, authority.cert);
    await until(() => server.unwrap().connected);
  });
});

describeWithMosquitto('mutual TLS', () => {
  let broker: Mosquitto;
  const passphrase = 'open sesame';
  let own: Certificate;

  beforeAll(async () => {
    broker = await startTls({ ...(await authority.issue()), clientCa: other.cert });
    own = await other.issue({ commonName: 'billing' });
    await writeFile(join(broker.folder, 'own-cert.pem'), own.cert);
    await writeFile(join(broker.folder, 'own-key.pem'), own.key);
    const encrypted = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
    await writeFile(join(broker.folder, 'secret.pem'), createPrivateKey(own.key).export(encrypted));
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  it.each<[string, () => MqttConnectionOptions]>([
    ['as PEM', () => own],
    [
      'as paths',
      () => ({ cert: join(broker.folder, 'own-cert.pem'), key: join(broker.folder, 'own-key.pem') }),
    ],
    ['as bytes', () => ({ cert: Buffer.from(own.cert), key: Buffer.from(own.key) })],
    ['as lists', () => ({ cert: [own.cert], key: [{ pem: own.key }] })],
    [
      'with an encrypted key',
      () => ({ cert: own.cert, key: [{ pem: join(broker.folder, 'secret.pem'), passphrase }] }),
    ],
  ])('shows its certificate: %s', async (_, certificate) => {
    for (const kind of KINDS)
      expect(await exchange({ url: broker.urlOf(kind), ca: authority.cert, ...certificate() })).toBe(3);
  });

  it('makes mqtt:// mqtts://, as MQTT.js does', async () => {
    const url = broker.urlOf('mqtts').replace('mqtts:', 'mqtt:');
    expect(await exchange({ url, ca: authority.cert, ...own })).toBe(3);
  });

  it.each<[string, () => Promise<Certificate | undefined>, string]>([
    ['none', () => Promise.resolve(undefined), 'asks for a certificate of this client: give cert and key'],
    [
      'one of another authority',
      () => authority.issue(),
      "does not trust the authority of this client's cert",
    ],
    ['one that has expired', () => other.issue({ validDays: [-2, -1] }), "this client's cert has expired"],
  ])('says what is wrong with the certificate: %s', async (_, issue, message) => {
    const options = { url: broker.urlOf('mqtts'), ca: authority.cert, ...(await issue()) };
    await using server = createServer({ ...options, reconnectPeriod: 5 });
    void outcomeOf(listen(server));
    // the broker may reset the connection before its alert is read
    await until(() => logs.errors().some((line) => line.includes(message)));
  });

  it('needs a key that belongs to the certificate', async () => {
    const { key } = await other.issue();
    await using server = createServer({ url: broker.urlOf('mqtts'), cert: own.cert, key });
    const failure = await outcomeOf(listen(server));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure).toMatchObject({ message: expect.stringContaining('key values mismatch') });
  });
});

describe('a mistake in the options of TLS', () => {
  const pem = '-----BEGIN SOMETHING-----';
  const url = 'mqtts://localhost';

  it.each<[MqttConnectionOptions, string]>([
    [{ ca: '/none/ca.pem' }, 'ca: "/none/ca.pem" is not PEM, and cannot be read as a file (ENOENT)'],
    [{ ca: [pem, 'none.pem'] }, 'ca: "none.pem" is not PEM, and cannot be read as a file (ENOENT)'],
    [{ cert: '/none/cert.pem', key: pem }, 'cert: "/none/cert.pem" is not PEM'],
    [{ cert: pem, key: '/none/key.pem' }, 'key: "/none/key.pem" is not PEM'],
    [{ ca: '' }, 'ca: "" is not PEM'],
    [{ ca: '/' }, 'ca: "/" is not PEM, and cannot be read as a file (EISDIR)'],
    [{ cert: pem }, 'cert and key belong together'],
    [{ key: pem }, 'cert and key belong together'],
    [{ ca: pem, url: 'mqtt://localhost' }, 'ca is given, but mqtt:// has no TLS: use mqtts:// or wss://'],
    [{ ca: pem, url: 'ws://localhost' }, 'ca is given, but ws:// has no TLS'],
    [{ ca: pem, protocol: 'mqtt', host: 'localhost' }, 'ca is given, but mqtt:// has no TLS'],
  ])('shows at construction: %j', (options, message) => {
    const construct = () => new ClientMqtt({ url, ...options });
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow(message);
  });

  it('does not show a key that is no PEM', () => {
    const key = Buffer.alloc(150, 7).toString('base64');
    expect(() => new ClientMqtt({ url, cert: pem, key })).toThrow('key: the text is not PEM');
  });

  it.each<MqttConnectionOptions>([
    { ca: pem, protocol: 'mqtts', host: 'localhost', url: 'mqtt://other' },
    { ca: pem, url: 'tls://localhost' },
    { ca: pem, servers: [{ host: 'localhost', port: 1, protocol: 'mqtts' }] },
    { ca: pem, cert: pem, key: pem, url: 'mqtt://localhost' },
  ])('is not: %j', (options) => {
    expect(() => new ClientMqtt(options)).not.toThrow();
  });
});
