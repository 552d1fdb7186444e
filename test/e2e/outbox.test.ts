import {
  ClientMqtt,
  ConfigurationError,
  ConnectionError,
  MqttConnection,
  MqttRecord,
  QueueFullError,
  type ClientMqttOptions,
  type MqttRecordOptions,
} from '../../src/index.js';
import { Outbox } from '../../src/connection/outgoing/outbox.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startStubBroker, type StubBroker, type StubScript } from '../support/stub-broker.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

let folder: TemporaryFolder;
let logs: CapturedLogs;

beforeEach(async () => {
  folder = await createTemporaryFolder();
  logs = captureLogs();
});
afterEach(async () => {
  logs[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});

describeOnBrokers('an outbox', ({ protocolVersion, start }) => {
  it('has what a client could not send, for the next one, in order', async () => {
    await using broker = await start();
    await using proxy = await startTcpProxy(broker);
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('#', { qos: 2 });
    const client = await open(proxy.url, { protocolVersion });
    proxy.refuseConnections();
    await lose(client, () => proxy.cut());
    const messages = Array.from({ length: 50 }, (_, n) => `${n}`);
    const outcomes = messages.map((data) => emit(client, 'a', { qos: 1, retain: false }, data));
    await new Promise(setImmediate);
    await client.close();
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set([expect.any(ConnectionError)]));
    expect(device.received).toEqual([]);
    proxy.acceptConnections();
    await using next = await open(proxy.url, { protocolVersion });
    expect(await emit(next, 'a', { qos: 1 }, 'last')).toBe('done');
    await until(() => device.received.length > messages.length);
    expect(device.received.map(({ payload }) => payload.toString())).toEqual([...messages, 'last']);
  });

  it.each([1, 2] as const)('has nothing of what the broker has acknowledged (QoS %d)', async (qos) => {
    await using broker = await start();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('#', { qos: 2 });
    for (const topic of ['a', 'b']) {
      const client = await open(broker.url, { protocolVersion });
      expect(await emit(client, topic, { qos })).toBe('done');
      await client.close();
    }
    await until(() => device.received.length === 2);
    expect(device.received.map(({ topic }) => topic)).toEqual(['a', 'b']);
    expect(logs.messages().join('\n')).not.toContain('outbox');
  });
});

describe('what was sent and not acknowledged', () => {
  it.each([4, 5] as const)(
    'is sent again with its Packet Identifier and DUP in a kept session (MQTT version %d)',
    async (protocolVersion) => {
      await using broker = await startKept({ protocolVersion, sessionPresent: true });
      const packets = await sendTwice(broker, { protocolVersion, qos: 1 });
      const [first, second] = packets.filter(({ cmd }) => cmd === 'publish');
      expect(first).toMatchObject({ topic: 'a', dup: false });
      expect(second).toMatchObject({ topic: 'a', dup: true, messageId: first!.messageId });
      expect(logs.messages('log').join('\n')).toContain('Messages of the outbox that are to be sent: 1');
    },
  );

  it('is not repeated with QoS 2 when the broker has confirmed it, in a kept session', async () => {
    await using broker = await startKept({ sessionPresent: true, pubrel: 'ignore' });
    const packets = await sendTwice(broker, { qos: 2 });
    expect(packets.map(({ cmd }) => cmd)).toEqual(['publish', 'pubrel', 'pubrel']);
    expect(new Set(packets.map(({ messageId }) => messageId)).size).toBe(1);
  });

  it('is sent from the beginning, with QoS 2, when the session is lost', async () => {
    await using broker = await startKept({ sessionPresent: false, pubrel: 'ignore' });
    const packets = await sendTwice(broker, { qos: 2 });
    expect(packets.map(({ cmd }) => cmd)).toEqual(['publish', 'pubrel', 'publish', 'pubrel']);
    expect(packets[2]).toMatchObject({ dup: false });
  });

  it('has arrived when the broker no longer knows it (0x92)', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({
        connect: { sessionPresent: connection > 1 },
        pubrel: connection === 1 ? 'close' : 'ignore',
      }),
    });
    await using client = await open(broker.url, { protocolVersion: 5 });
    const outcome = emit(client, 'a', { qos: 2 });
    await until(() => broker.packets('pubrel').length === 2);
    const { messageId } = broker.packets('pubrel')[1]!;
    broker.connection.send({ cmd: 'pubcomp', messageId: messageId!, reasonCode: 0x92 });
    expect(await outcome).toBe('done');
  });

  it('is given up, and reported, when the broker refuses it', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({
        publish: ({ messageId }, stub) => {
          if (connection > 1) stub.send({ cmd: 'puback', messageId: messageId!, reasonCode: 0x87 });
          return 'ignore';
        },
      }),
    });
    await sendTwice(broker, { protocolVersion: 5, qos: 1 });
    await until(() => logs.errors().length > 0);
    expect(logs.errors()).toEqual([
      'Of the outbox: The broker refused the message to "a" (0x87 Not authorized)',
    ]);
    await using _client = await open(broker.url, { protocolVersion: 5 });
    expect(broker.connection.received('publish')).toEqual([]);
  });

  it.each([1, 2] as const)(
    'is given up when the broker closes the connection over it, and the rest goes on in order (QoS %d)',
    async (qos) => {
      await using broker = await startStubBroker({
        script: (connection) => ({
          publish: ({ topic }) => (connection === 1 ? 'ignore' : topic === 'poison' ? 'close' : 'answer'),
        }),
      });
      const topics = ['0', '1', 'poison', '2', '3'];
      const client = await open(broker.url);
      for (const topic of topics) void emit(client, topic, { qos });
      await until(() => broker.packets('publish').length === topics.length);
      broker.connection.close();
      await client.close();
      await using next = await open(broker.url, { maxConnectionAttempts: -1, maxPublishAttempts: 2 });
      expect(await emit(next, '4', { qos })).toBe('done');
      const later = broker.connections.slice(1).flatMap((connection) => connection.received('publish'));
      expect(later.filter(({ topic }) => topic === 'poison')).toHaveLength(2);
      const taken = later.map(({ topic }) => topic).filter((topic) => topic !== 'poison');
      expect(taken).toEqual(['0', '1', '2', '3', '4']);
      expect(logs.errors().join('\n')).toContain('closed the connection each time it was sent');
    },
  );

  it('counts for the Receive Maximum', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({
        connect: { properties: { receiveMaximum: connection === 1 ? 10 : 1 } },
        publish: connection === 1 ? 'ignore' : 'answer',
      }),
    });
    const client = await open(broker.url, { protocolVersion: 5 });
    for (let n = 0; n < 15; n++) void emit(client, `${n}`, { qos: 1 });
    await until(() => broker.packets('publish').length === 10);
    broker.connection.close();
    await client.close();
    await using next = await open(broker.url, { protocolVersion: 5 });
    expect(await emit(next, '15', { qos: 1 })).toBe('done');
    expect(broker.connection.received('publish').map(({ topic }) => topic)).toEqual(
      Array.from({ length: 16 }, (_, n) => `${n}`),
    );
  });
});

describe('an outbox', () => {
  it('resolves the publish when the broker acknowledges, as without one', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ publish: connection === 1 ? 'close' : 'answer' }),
    });
    await using client = await open(broker.url);
    expect(await emit(client, 'a', { qos: 1 })).toBe('done');
    expect(broker.connections).toHaveLength(2);
  });

  it('has what is published before the first connection', async () => {
    let isThere = false;
    await using broker = await startStubBroker({ script: () => ({ connect: isThere ? 'answer' : 'close' }) });
    const options = { url: broker.url, reconnectPeriod: 20, outbox: { path: folder.path } };
    const client = new ClientMqtt({ ...options, maxConnectionAttempts: -1 });
    const outcomes = ['a', 'b'].map((topic) => emit(client, topic, { qos: 1 }));
    await until(() => broker.connections.length > 1);
    await client.close();
    expect(await Promise.all(outcomes)).toEqual([expect.any(ConnectionError), expect.any(ConnectionError)]);
    isThere = true;
    await using next = new ClosingClient(options);
    expect(await emit(next, 'c', { qos: 1 })).toBe('done');
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['a', 'b', 'c']);
  });

  it('keeps a message whose connection cannot be made, though its publish has failed', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ connect: connection === 1 ? 'close' : 'answer' }),
    });
    await using client = new ClosingClient({ url: broker.url, outbox: { path: folder.path } });
    expect(await emit(client, 'a', { qos: 1 })).toBeInstanceOf(ConnectionError);
    expect(await emit(client, 'b', { qos: 1 })).toBe('done');
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['a', 'b']);
  });

  it('does not have what says that its client is connected', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ publish: connection === 1 ? 'ignore' : 'answer' }),
    });
    const presence = { topic: 'presence/{clientId}' };
    const client = await open(broker.url, { clientId: 'one', presence });
    await until(() => broker.packets('publish').length === 1);
    broker.closeConnections();
    await client.close();
    const next = await open(broker.url, { clientId: 'two', presence });
    expect(await emit(next, 'a', { qos: 1 })).toBe('done');
    await next.close();
    const topics = broker.packets('publish').map(({ topic }) => topic);
    expect(topics.filter((topic) => topic === 'presence/one')).toHaveLength(1);
    expect(topics.filter((topic) => topic === 'presence/two')).toHaveLength(2); // online, offline
  });

  it('does not have QoS 0', async () => {
    await using broker = await startStubBroker();
    const client = await openOffline(broker);
    const outcomes = [emit(client, 'a', { qos: 0 }), emit(client, 'b', { qos: 1 })];
    await new Promise(setImmediate);
    await client.close();
    await Promise.all(outcomes);
    await using _next = await open(broker.url);
    await until(() => broker.packets('publish').length > 0);
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['b']);
  });

  it('keeps Topic Name, payload, RETAIN flag and properties', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    const client = await openOffline(broker, { protocolVersion: 5 });
    const properties = { contentType: 'a/b', userProperties: { k: ['1', '2'] }, responseTopic: 'r' };
    const payload = Buffer.from([0, 255]);
    const outcome = outcomeOf(
      client.emit('a', new MqttRecord(payload, { qos: 2, retain: true, properties })),
    );
    await new Promise(setImmediate);
    await client.close();
    await outcome;
    await using _next = await open(broker.url, { protocolVersion: 5 });
    await until(() => broker.packets('publish').length > 0);
    const [packet] = broker.packets('publish');
    expect(packet).toMatchObject({ topic: 'a', payload, qos: 2, retain: true, properties });
  });

  it('does not have what was dropped for want of room', async () => {
    await using broker = await startStubBroker();
    const client = await openOffline(broker, { offline: { maxMessages: 2, overflow: 'drop-oldest' } });
    const outcomes = ['a', 'b', 'c'].map((topic) => emit(client, topic, { qos: 1 }));
    expect(await outcomes[0]).toBeInstanceOf(QueueFullError);
    await client.close();
    await Promise.all(outcomes);
    await using _next = await open(broker.url);
    await until(() => broker.packets('publish').length === 2);
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['b', 'c']);
  });

  it('does not send what has expired meanwhile, and says so', async () => {
    const outbox = await Outbox.open({ path: folder.path });
    const packet = { cmd: 'publish', payload: 'x', qos: 1, retain: false, dup: false } as const;
    const anHourAgo = Date.now() - 3_600_000;
    outbox.add({ ...packet, topic: 'expired', properties: { messageExpiryInterval: 3600 } }, anHourAgo);
    outbox.add({ ...packet, topic: 'valid', properties: { messageExpiryInterval: 3660 } }, anHourAgo);
    await outbox.close();
    await using broker = await startStubBroker({ protocolVersion: 5 });
    await using _client = await open(broker.url, { protocolVersion: 5 });
    await until(() => broker.packets('publish').length > 0);
    const [sent, ...others] = broker.packets('publish');
    expect([sent!.topic, others]).toEqual(['valid', []]);
    expect(sent!.properties?.messageExpiryInterval).toBeLessThanOrEqual(60);
    expect(logs.errors()).toEqual([
      'Of the outbox: Cannot publish to "expired": it expired while it waited to be sent',
    ]);
  });

  it('holds what it had to the limits of the broker', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({ connect: { properties: { maximumQoS: connection === 1 ? 2 : 1 } } }),
    });
    const client = await openOffline(broker, { protocolVersion: 5 });
    const outcomes = [emit(client, 'a', { qos: 2 }), emit(client, 'b', { qos: 1 })];
    await new Promise(setImmediate);
    await client.close();
    await Promise.all(outcomes);
    await using _next = await open(broker.url, { protocolVersion: 5 });
    await until(() => broker.packets('publish').length > 0);
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['b']);
    expect(logs.errors()).toEqual([expect.stringContaining('takes QoS 1 at most, not 2')]);
  });

  it('is that of one connection alone', async () => {
    await using broker = await startStubBroker();
    const client = await open(broker.url);
    const failure = await outcomeOf(open(broker.url));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as Error).message).toContain('it is in use');
    const outbox = { path: folder.path };
    expect(await outcomeOf(startServer({ url: broker.url, outbox }))).toBeInstanceOf(ConfigurationError);
    await using waiting = new ClosingClient({ url: broker.url, outbox });
    expect(await emit(waiting, 'a', { qos: 1 })).toBeInstanceOf(ConfigurationError);
    await client.close();
    expect(await emit(waiting, 'a', { qos: 1 })).toBe('done');
    await waiting.close();
    await using _server = await startServer({ url: broker.url, outbox }, { events: { a: () => 0 } });
    expect(broker.packets('connect')).toHaveLength(3);
  });

  it('may be that of a shared connection', async () => {
    let isThere = false;
    await using broker = await startStubBroker({ script: () => ({ connect: isThere ? 'answer' : 'close' }) });
    const options = { url: broker.url, reconnectPeriod: 20, outbox: { path: folder.path } };
    const before = new MqttConnection(options);
    const outcomes = ['a', 'b'].map((topic) =>
      emit(new ClientMqtt({ connection: before }), topic, { qos: 1 }),
    );
    await until(() => broker.connections.length > 1);
    await before.close();
    expect(await Promise.all(outcomes)).toEqual([expect.any(ConnectionError), expect.any(ConnectionError)]);
    isThere = true;
    const connection = new MqttConnection(options);
    await using client = new ClosingClient({ connection });
    expect(await emit(client, 'c', { qos: 1 })).toBe('done');
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['a', 'b', 'c']);
    const { outbox } = options;
    expect(() => new ClientMqtt({ connection, outbox })).toThrow('outbox: options of the shared connection');
  });

  it('is free again when the connection could not be made, or the client was closed before', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ connect: connection === 1 ? 'close' : 'answer' }),
    });
    expect(await outcomeOf(open(broker.url))).toBeInstanceOf(ConnectionError);
    await using client = await open(broker.url);
    await client.close();
    const connecting = outcomeOf(client.connect());
    await client.close();
    expect(await connecting).toBeInstanceOf(ConnectionError);
    await using other = await open(broker.url);
    expect(await emit(other, 'a', { qos: 1 })).toBe('done');
  });

  it('is read anew each time', async () => {
    await using broker = await startStubBroker();
    const client = await openOffline(broker);
    const outcomes = ['a', 'b'].map((topic) => emit(client, topic, { qos: 1 }));
    await new Promise(setImmediate);
    await client.close();
    await Promise.all(outcomes);
    const connecting = outcomeOf(client.connect());
    await client.close();
    await connecting;
    await client.connect();
    expect(await emit(client, 'c', { qos: 1 })).toBe('done');
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['a', 'b', 'c']);
    await client.close();
  });

  it.each([
    [{ outbox: {} }, 'outbox.path'],
    [{ outbox: { path: '' } }, 'outbox.path'],
    [{ outbox: { path: 'x' }, outgoingStore: {} }, 'outgoingStore'],
  ])('refuses %j', async (options, message) => {
    const failure = await outcomeOf(startClient('mqtt://localhost', options as object));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as Error).message).toContain(message);
  });
});

describe('a lost session without an outbox', () => {
  it('begins a QoS 2 exchange anew, which would else end without a message', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ pubrel: connection === 1 ? 'close' : 'answer' }),
    });
    await using client = await startClient(broker.url, { reconnectPeriod: 20 });
    expect(await emit(client, 'a', { qos: 2 })).toBe('done');
    const packets = broker.packets('publish', 'pubrel');
    expect(packets.map(({ cmd }) => cmd)).toEqual(['publish', 'pubrel', 'publish', 'pubrel']);
  });
});

class ClosingClient extends ClientMqtt implements AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Kept {
  readonly protocolVersion?: 4 | 5;
  readonly sessionPresent: boolean;
  readonly pubrel?: StubScript['pubrel'];
}

/** Leaves the first connection unanswered, and has a session, or none, on those that follow. */
function startKept({ protocolVersion = 4, sessionPresent, pubrel }: Kept): Promise<StubBroker> {
  return startStubBroker({
    protocolVersion,
    script: (connection) => ({
      connect: { sessionPresent: connection > 1 && sessionPresent },
      ...(connection === 1 && {
        publish: pubrel === undefined ? 'ignore' : 'answer',
        pubrel: pubrel ?? 'answer',
      }),
    }),
  });
}

/** The packets of a message whose client is closed before it is acknowledged, and of the next client with its outbox. */
async function sendTwice(
  broker: StubBroker,
  { protocolVersion = 4, qos }: { readonly protocolVersion?: 4 | 5; readonly qos: 1 | 2 },
) {
  const packets = () => broker.packets('publish', 'pubrel');
  const options: ClientMqttOptions = { protocolVersion, clientId: 'publisher', clean: false };
  const client = await open(broker.url, options);
  const outcome = emit(client, 'a', { qos });
  const begun = () => broker.packets(qos === 2 ? 'pubrel' : 'publish').length > 0;
  await until(begun);
  broker.connection.socket.pause(); // nothing is read of it any more, so that the client comes again with nothing acknowledged
  broker.connection.close();
  await client.close();
  await outcome;
  const before = packets().length;
  await using _next = await open(broker.url, options);
  await until(() => packets().length > before);
  return packets();
}

function emit(client: ClientMqtt, topic: string, options: MqttRecordOptions, data = 'x'): Promise<unknown> {
  return outcomeOf(client.emit(topic, new MqttRecord(data, options)));
}

function open(url: string, options: ClientMqttOptions = {}) {
  return startClient(url, { reconnectPeriod: 20, outbox: { path: folder.path }, ...options });
}

/** A client that has lost its connection, and does not make another one in time. */
async function openOffline(broker: StubBroker, options: ClientMqttOptions = {}) {
  const client = await open(broker.url, { reconnectPeriod: 60_000, ...options });
  await lose(client, () => broker.closeConnections());
  return client;
}

async function lose(client: ClientMqtt, cut: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => client.on('close', resolve));
  cut();
  await closed;
}
