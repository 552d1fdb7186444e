import { ConnectionError, MqttRecord, type MqttStatus, type ServerMqtt } from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startStubBroker, type StubScript } from '../support/stub-broker.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

/** The statuses and errors of a server or client from now on. */
function watch(watched: Pick<ServerMqtt, 'status' | 'on'>) {
  const statuses: MqttStatus[] = [];
  const errors: unknown[] = [];
  watched.status.subscribe((status) => statuses.push(status));
  watched.on('error', (error) => errors.push(error));
  return { statuses, errors, finalErrors: () => errors.filter((error) => error instanceof ConnectionError) };
}

const accepted = { connect: {} } as const satisfies StubScript;
const refused = (version: 4 | 5, code: number): StubScript => ({
  connect: version === 5 ? { reasonCode: code } : { returnCode: code },
});

describe('a session that another client takes over', () => {
  const session = { clientId: 'billing-1', reconnectPeriod: 1, protocolVersion: 5 } as const;
  const reason = (url: string) =>
    `Another client with the clientId "billing-1" has taken over the session at ${url} (0x8e Session taken over)`;

  it('is left to it: the first client is closed, with one line in the log and an error event', async () => {
    await using broker = await startAedes({ version: 5 });
    await using first = await startServer(
      { ...session, url: broker.url },
      { messages: { ping: () => 'first' } },
    );
    const { statuses, finalErrors } = watch(first);
    await using second = await startServer(
      { ...session, url: broker.url },
      { messages: { ping: () => 'second' } },
    );
    await until(() => finalErrors().length === 1);
    expect(statuses).toEqual(['connected', 'disconnected', 'closed']);
    expect(finalErrors()).toMatchObject([{ message: reason(broker.url), reasonCode: 0x8e, url: broker.url }]);
    expect(logs.errors()).toEqual([`${reason(broker.url)}; not connecting again`]);
    expect(logs.warnings()).toEqual([]);
    expect(() => first.unwrap()).toThrow('Not initialized');

    await using client = await startClient(broker.url, { protocolVersion: 5 });
    for (let round = 0; round < 20; round++) expect(await outcomeOf(client.send('ping', 1))).toBe('second');
    expect(second.unwrap().connected).toBe(true);
    expect(logs.messages('log')).toHaveLength(3); // each has connected once
  });

  it('ends what the first client listens to', async () => {
    await using broker = await startAedes({ version: 5 });
    await using first = await startClient(broker.url, session);
    const outcome = outcomeOf(first.messages('news'));
    await until(() => broker.subscribed().some(({ topic }) => topic === 'news'));
    await using _second = await startClient(broker.url, session);
    expect(await outcome).toMatchObject({ code: 'ERR_MQTT_CONNECTION', message: reason(broker.url) });
  });

  it('is not left to a CONNECT of its own that was given up, and comes late; but to another client after it', async () => {
    await using broker = await startAedes({ version: 5 });
    await using proxy = await startTcpProxy(broker);
    await using server = await startServer(
      { ...session, url: proxy.url, connectTimeout: 200 },
      { messages: { ping: () => 'pong' } },
    );
    const { finalErrors } = watch(server);
    const sessions = () => broker.subscribed().filter(({ topic }) => topic === 'ping').length;
    proxy.pause('toBroker');
    proxy.cut();
    await until(() => proxy.connectionCount === 2);
    proxy.passNew();
    await until(() => sessions() === 2);
    proxy.resume();
    await until(() => sessions() === 3);
    expect(logs.warnings()).toContain('The broker closes the connection (0x8e Session taken over)');
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    expect(await outcomeOf(client.send('ping', 1))).toBe('pong');
    expect(finalErrors()).toEqual([]);

    await using _other = await startServer({ ...session, url: broker.url });
    await until(() => finalErrors().length === 1);
    expect(finalErrors()).toMatchObject([{ message: reason(proxy.url), reasonCode: 0x8e }]);
  });

  it('fails what a client waits for, and its next messages until it is closed', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5, script: { publish: 'ignore' } });
    await using client = await startClient(broker.url, session);
    const request = outcomeOf(client.send('ask', 1));
    const emitted = outcomeOf(client.emit('a', new MqttRecord(1, { qos: 1 })));
    await until(() => broker.packets('publish').length === 2);
    broker.connection.send({ cmd: 'disconnect', reasonCode: 0x8e });
    expect(await request).toMatchObject({ code: 'ERR_MQTT_CONNECTION', reasonCode: 0x8e });
    expect(await emitted).toBeInstanceOf(ConnectionError);
    expect(await outcomeOf(client.emit('a', 2))).toMatchObject({ message: reason(broker.url) });
    expect(await outcomeOf(client.connect())).toMatchObject({ message: reason(broker.url) });
    await until(() => broker.openCount === 0);
    expect(broker.connections).toHaveLength(1);

    await client.close();
    await client.connect();
    expect(broker.connections).toHaveLength(2);
  });

  it('before it is subscribed fails listen()', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5, script: { subscribe: 'ignore' } });
    await using server = createServer({ ...session, url: broker.url }, { events: { a: () => 1 } });
    const listening = outcomeOf(listen(server));
    await until(() => broker.packets('subscribe').length === 1);
    broker.connection.send({ cmd: 'disconnect', reasonCode: 0x8e });
    expect(await listening).toMatchObject({ message: reason(broker.url), reasonCode: 0x8e });
    expect(broker.connections).toHaveLength(1);
  });
});

describe('a DISCONNECT', () => {
  const start = async (reasonCode: number) => {
    const broker = await startStubBroker({ protocolVersion: 5 });
    const server = await startServer({ url: broker.url, protocolVersion: 5, reconnectPeriod: 1 });
    const watched = watch(server);
    broker.connection.send({ cmd: 'disconnect', reasonCode });
    const dispose = async () => {
      await server[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    };
    return { broker, ...watched, [Symbol.asyncDispose]: dispose };
  };

  it.each([
    ['0x9e Shared Subscriptions not supported'],
    ['0xa1 Subscription Identifiers not supported'],
    ['0xa2 Wildcard Subscriptions not supported'],
  ])('with %s ends it', async (reason) => {
    const reasonCode = parseInt(reason, 16);
    await using service = await start(reasonCode);
    const message = `The broker at ${service.broker.url} closed the connection (${reason})`;
    await until(() => service.finalErrors().length === 1);
    expect(service.finalErrors()).toMatchObject([{ message, reasonCode }]);
    expect(logs.errors()).toEqual([`${message}; not connecting again`]);
    expect(service.broker.connections).toHaveLength(1);
  });

  it.each([
    ['0x8b Server shutting down'],
    ['0x98 Administrative action'],
    ['0x9c Use another server'],
    ['0x9d Server moved'],
  ])('with %s does not', async (reason) => {
    await using service = await start(parseInt(reason, 16));
    service.broker.closeConnections();
    await until(() => service.statuses.filter((status) => status === 'connected').length === 2);
    expect(service.errors).toEqual([]);
    expect(logs.warnings()).toEqual([
      `The broker closes the connection (${reason})`,
      `Lost the connection to ${service.broker.url}, connecting again`,
    ]);
  });
});

describe('a connection that was made, and is refused when it is made again', () => {
  it.each([
    [4, 1, 'Unacceptable protocol version'],
    [4, 2, 'Identifier rejected'],
    [5, 0x84, 'Unsupported Protocol Version'],
    [5, 0x85, 'Client Identifier not valid'],
    [5, 0x8a, 'Banned'],
  ] as const)('for good (version %d, code %d) is closed', async (protocolVersion, code, name) => {
    await using broker = await startStubBroker({
      protocolVersion,
      script: (connection) => (connection === 1 ? accepted : refused(protocolVersion, code)),
    });
    await using server = await startServer({ url: broker.url, protocolVersion, reconnectPeriod: 1 });
    const { statuses, finalErrors } = watch(server);
    broker.closeConnections();
    await until(() => finalErrors().length === 1);
    expect(finalErrors()).toMatchObject([{ reasonCode: code, message: expect.stringContaining(name) }]);
    expect(logs.errors()).toEqual([
      expect.stringMatching(new RegExp(`^Cannot connect to ${broker.url} .*; not connecting again$`)),
    ]);
    expect(statuses).toEqual(['connected', 'closed', 'reconnecting', 'closed']);
    expect(broker.connections).toHaveLength(2);
  });

  const wrongFrom = (first: number, version: 4 | 5, last = Infinity) => ({
    protocolVersion: version,
    script: (connection: number) =>
      connection < first || connection > last ? accepted : refused(version, version === 5 ? 0x86 : 4),
  });

  it.each([4, 5] as const)(
    'for its credentials is closed after maxConnectionAttempts (version %d)',
    async (protocolVersion) => {
      await using broker = await startStubBroker(wrongFrom(2, protocolVersion));
      const options = { url: broker.url, protocolVersion, reconnectPeriod: 1, maxConnectionAttempts: 3 };
      await using server = await startServer(options);
      const { finalErrors } = watch(server);
      broker.closeConnections();
      await until(() => finalErrors().length === 1);
      expect(broker.connections).toHaveLength(1 + 3);
      expect(logs.errors()).toEqual([
        expect.stringContaining('; trying again'),
        expect.stringContaining('; not connecting again'),
      ]);
    },
  );

  it('for its credentials is made when the broker knows them again, without maxConnectionAttempts', async () => {
    await using broker = await startStubBroker(wrongFrom(2, 4, 20));
    await using server = await startServer({ url: broker.url, reconnectPeriod: 1 });
    broker.closeConnections();
    await until(() => broker.connections.length === 21 && server.unwrap().connected);
    expect(logs.errors()).toEqual([
      `Cannot connect to ${broker.url} (0x04 Bad username or password); trying again`,
    ]);
  });

  it('counts anew after each connection', async () => {
    await using broker = await startStubBroker({
      script: (connection) => (connection % 2 === 1 ? accepted : refused(4, 5)),
    });
    await using server = await startServer({ url: broker.url, reconnectPeriod: 1, maxConnectionAttempts: 2 });
    for (const count of [3, 5, 7]) {
      broker.closeConnections();
      await until(() => broker.connections.length === count && server.unwrap().connected);
    }
  });

  it('counts refusals in a row', async () => {
    await using broker = await startStubBroker({
      script: (connection) => {
        if (connection === 1 || connection > 6) return accepted;
        return connection % 2 === 1 ? { connect: 'close' } : refused(4, 5);
      },
    });
    await using server = await startServer({ url: broker.url, reconnectPeriod: 1, maxConnectionAttempts: 2 });
    broker.closeConnections();
    await until(() => broker.connections.length === 7 && server.unwrap().connected);
  });

  it('for the credentials of a client is tried with its next message', async () => {
    await using broker = await startStubBroker(wrongFrom(2, 4, 2));
    await using client = await startClient(broker.url, { reconnectPeriod: 1 });
    const { finalErrors } = watch(client);
    broker.closeConnections();
    await until(() => finalErrors().length === 1);
    expect(await outcomeOf(client.emit('a', 1))).toBe('done');
    expect(broker.connections).toHaveLength(3);
  });
});

describe('credentials that are refused, with refreshCredentials', () => {
  const tokens = (...given: readonly string[]) => {
    let calls = 0;
    return () => Promise.resolve({ username: 'u', password: given[Math.min(calls++, given.length - 1)] });
  };
  const startGuarded = (version: 4 | 5) =>
    startAedes({ version, authenticate: (_, password) => password === 'fresh' });

  it.each([4, 5] as const)('are asked for again (version %d)', async (version) => {
    await using broker = await startGuarded(version);
    const refreshCredentials = tokens('old', 'older', 'fresh');
    await using server = await startServer({ url: broker.url, protocolVersion: version, refreshCredentials });
    expect(server.unwrap().connected).toBe(true);
    expect(logs.errors()).toHaveLength(1);
  });

  it('fail connect() after maxConnectionAttempts', async () => {
    await using broker = await startGuarded(5);
    const refreshCredentials = tokens('old', 'older', 'fresh');
    await using server = createServer({
      url: broker.url,
      protocolVersion: 5,
      refreshCredentials,
      maxConnectionAttempts: 2,
    });
    expect(await outcomeOf(listen(server))).toMatchObject({ code: 'ERR_MQTT_CONNECTION', reasonCode: 0x87 });
  });
});

describe('what one of several servers refuses for good', () => {
  const start = async (...codes: readonly number[]) => {
    const brokers = await Promise.all(codes.map((code) => startStubBroker({ script: refused(4, code) })));
    const servers = brokers.map(({ url }) => ({ host: '127.0.0.1', port: Number(new URL(url).port) }));
    const dispose = async () => {
      for (const broker of brokers) await broker[Symbol.asyncDispose]();
    };
    return { brokers, servers, [Symbol.asyncDispose]: dispose };
  };

  it.each([2, 5])('is tried on the next one (code %d)', async (code) => {
    await using farm = await start(code, code, 0);
    await using server = createServer({ servers: farm.servers, reconnectPeriod: 1 });
    expect(await outcomeOf(listen(server))).toBe('done');
  });

  it('is final when all have', async () => {
    await using farm = await start(2, 5, 2);
    await using server = createServer({ servers: farm.servers, reconnectPeriod: 1 });
    expect(await outcomeOf(listen(server))).toMatchObject({ reasonCode: 2 });
    expect(farm.brokers.map(({ connections }) => connections.length)).toEqual([1, 1, 1]);
  });
});
