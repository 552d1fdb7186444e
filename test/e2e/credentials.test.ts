import { ClientMqtt, ConfigurationError, ConnectionError, type Credentials } from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startStubBroker, type StubBroker } from '../support/stub-broker.js';
import { until } from '../support/until.js';

const reconnect = { initialMs: 5, maxMs: 20 };
let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

/** What each CONNECT had. */
const credentialsOf = (broker: StubBroker) =>
  broker.packets('connect').map(({ username, password }) => [username, password?.toString()]);

describeOnBrokers('a user name and a password', ({ kind, protocolVersion, start }) => {
  const users = { service: 'secret' };
  const startGuarded = () =>
    kind === 'mosquitto'
      ? start({ users })
      : startAedes({
          version: protocolVersion,
          authenticate: (name, password) => name === 'service' && password === users.service,
        });

  it.each([
    ['as options', { username: 'service', password: 'secret' }],
    ['a password in bytes', { username: 'service', password: Buffer.from('secret') }],
    ['from refreshCredentials', { refreshCredentials: () => ({ username: 'service', password: 'secret' }) }],
  ])('let server and client in: %s', async (_, credentials) => {
    await using broker = await startGuarded();
    const options = { url: broker.url, protocolVersion, ...credentials };
    await using _server = await startServer(options, { messages: { sum: () => 3 } });
    await using client = await startClient(broker.url, options);
    expect(await outcomeOf(client.send('sum', [1, 2]))).toBe(3);
  });

  it('let a client in from the URL', async () => {
    await using broker = await startGuarded();
    const url = broker.url.replace('//', '//service:secret@');
    await using client = await startClient(url, { protocolVersion });
    expect(await outcomeOf(client.emit('a', 1))).toBe('done');
  });

  it('are refused if they are wrong, or missing', async () => {
    await using broker = await startGuarded();
    const reasonCode = protocolVersion === 5 ? 0x87 : 5;
    for (const credentials of [{}, { username: 'service', password: 'wrong' }]) {
      await using server = createServer({ url: broker.url, protocolVersion, ...credentials });
      expect(await outcomeOf(listen(server))).toMatchObject({ code: 'ERR_MQTT_CONNECTION', reasonCode });
    }
  });
});

describe('refreshCredentials', () => {
  it('is asked before each attempt, the first one too', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ connect: connection === 2 ? 'close' : 'answer' }),
    });
    let calls = 0;
    const refreshCredentials = () => Promise.resolve({ username: 'u', password: `token ${++calls}` });
    await using _client = await startClient(broker.url, { refreshCredentials, reconnect });
    broker.closeConnections();
    await until(() => broker.connections.length === 3);
    await until(() => credentialsOf(broker).length === 3);
    expect(credentialsOf(broker)).toEqual([
      ['u', 'token 1'],
      ['u', 'token 2'],
      ['u', 'token 3'],
    ]);
  });

  it.each<[string, Credentials, unknown]>([
    ['user name', { password: 'fresh' }, ['fixed', 'fresh']],
    ['password', { username: 'fresh' }, ['fresh', 'fixed']],
    ['credentials', {}, ['fixed', 'fixed']],
  ])('that gives no %s leaves what the options have', async (_, credentials, expected) => {
    await using broker = await startStubBroker();
    const options = { username: 'fixed', password: 'fixed', refreshCredentials: () => credentials };
    await using _client = await startClient(broker.url, options);
    expect(credentialsOf(broker)).toEqual([expected]);
  });

  it('that rejects has failed the attempt: connect() fails with its error, without a connection', async () => {
    await using broker = await startStubBroker();
    const cause = new Error('no token');
    const client = new ClientMqtt({ url: broker.url, refreshCredentials: () => Promise.reject(cause) });
    const failure = await outcomeOf(client.connect());
    expect(failure).toBeInstanceOf(ConnectionError);
    expect(failure).toMatchObject({
      cause,
      message: `Cannot connect to ${broker.url} (refreshCredentials failed: no token)`,
    });
    expect(broker.connections).toEqual([]);
  });

  it('counts for maxConnectionAttempts', async () => {
    let calls = 0;
    const refreshCredentials = () => Promise.reject(new Error(`no token ${++calls}`));
    const client = new ClientMqtt({ refreshCredentials, reconnect, maxConnectionAttempts: 3 });
    expect(await outcomeOf(client.connect())).toMatchObject({
      message: expect.stringContaining('no token 3'),
    });
    expect(calls).toBe(3);
  });

  it.each<[string, () => unknown, string]>([
    ['throws', () => fail('no token'), 'no token'],
    ['throws nothing', () => Promise.reject(undefined), 'undefined'],
    ['gives nothing', () => Promise.resolve(undefined), 'it must give { username, password }'],
    ['gives no text', () => Promise.resolve({ password: 42 }), 'it must give { username, password }'],
    ['never answers', () => new Promise(() => undefined), 'no answer within 30 ms'],
  ])('that %s has failed too', async (_, refresh, message) => {
    await using broker = await startStubBroker();
    const client = new ClientMqtt({
      url: broker.url,
      refreshCredentials: refresh as () => Credentials,
      connectTimeout: 30,
    });
    expect(await outcomeOf(client.connect())).toMatchObject({
      message: `Cannot connect to ${broker.url} (refreshCredentials failed: ${message})`,
    });
  });

  it('that fails for a while is asked again, with one line in the log, at the start and later', async () => {
    await using broker = await startStubBroker();
    let working = false;
    const refreshCredentials = () =>
      working ? Promise.resolve({ username: 'u' }) : Promise.reject(new Error('no token'));
    await using server = createServer({ url: broker.url, refreshCredentials, reconnectPeriod: 5 });
    const listening = listen(server);
    const line = `Cannot connect to ${broker.url} (refreshCredentials failed: no token); trying again`;
    await until(() => logs.errors().length === 1);
    working = true;
    await listening;
    expect(logs.errors()).toEqual([line]);

    working = false;
    broker.closeConnections();
    await until(() => logs.errors().length === 2);
    working = true;
    await until(() => server.unwrap().connected);
    expect(logs.errors()).toEqual([line, line]);
  });

  it('that answers after close() connects nobody', async () => {
    await using broker = await startStubBroker();
    const gate = closedGate();
    const refreshCredentials = () => gate.opened.then(() => ({ username: 'late' }));
    const client = new ClientMqtt({ url: broker.url, refreshCredentials });
    const connecting = outcomeOf(client.connect());
    await client.close();
    expect(await connecting).toBeInstanceOf(ConnectionError);
    gate.open();
    await using _other = await startClient(broker.url, { username: 'other' });
    expect(credentialsOf(broker).map(([username]) => username)).toEqual(['other']);
  });
});

describe('a password without a user name', () => {
  it.each([4, 5] as const)(
    'is a mistake that MQTT.js does not explain (version %d)',
    async (protocolVersion) => {
      await using server = createServer({ password: 'token', protocolVersion });
      const failure = await outcomeOf(listen(server));
      expect(failure).toBeInstanceOf(ConfigurationError);
      expect(failure).toMatchObject({ message: expect.stringContaining('[MQTT-3.1.2-22]') });
    },
  );

  it('can be had with an empty one', async () => {
    await using broker = await startStubBroker();
    await using _client = await startClient(broker.url, { username: '', password: 'token' });
    expect(credentialsOf(broker)).toEqual([['', 'token']]);
  });
});

function fail(message: string): never {
  throw new Error(message);
}
