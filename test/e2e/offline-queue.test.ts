import {
  ConnectionError,
  MqttRecord,
  PublishError,
  QueueFullError,
  type ClientMqtt,
  type ClientMqttOptions,
  type MqttRecordOptions,
} from '../../src/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startStubBroker, type StubBroker } from '../support/stub-broker.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const RECONNECT_MS = 100;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('what is published while there is no connection', ({ protocolVersion, start }) => {
  it.each([0, 1, 2] as const)('is sent on the next one, in order (QoS %d)', async (qos) => {
    await using broker = await start();
    await using proxy = await startTcpProxy(broker);
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('#', { qos: 2 });
    const limits = { receiveMaximum: 20 }; // mosquitto 2.0.11 loses QoS 2 messages beyond that
    await using client = await startClient(proxy.url, { protocolVersion, reconnectPeriod: 20, limits });
    proxy.refuseConnections();
    await goOffline(client, () => proxy.cut());
    const messages = Array.from({ length: 100 }, (_, n) => `${n}`);
    const outcomes = messages.map((data) => outcomeOf(client.emit('a', new MqttRecord(data, { qos }))));
    proxy.acceptConnections();
    expect(await Promise.all(outcomes)).toEqual(messages.map(() => 'done'));
    await until(() => device.received.length === messages.length);
    expect(device.received.map(({ payload }) => payload.toString())).toEqual(messages);
  });
});

describe('the line of what waits', () => {
  it('keeps its order whatever the QoS', async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker);
    const outcomes = [1, 0, 2, 0, 1].map((qos, n) => emit(client, `${n}`, { qos: qos as 0 | 1 | 2 }));
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => 'done'));
    expect(topicsAt(broker)).toEqual(['0', '1', '2', '3', '4']);
  });

  it('is not that of MQTT.js', async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker);
    const outcomes = [0, 1].map((qos) => emit(client, 'a', { qos: qos as 0 | 1 }));
    const { queue, outgoing } = client.unwrap();
    expect(queue).toEqual([]);
    expect(outgoing).toEqual({});
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
  });

  it.each([
    ['messages', { maxMessages: 2 }, 'x'],
    ['bytes', { maxBytes: 250 }, 'x'.repeat(100)],
  ])('holds no more %s than offline says, and refuses the others', async (_, offline, data) => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker, { offline });
    const outcomes = await Promise.all(
      ['1', '2', '3', '4'].map((topic) => emit(client, topic, { qos: 1 }, data)),
    );
    expect(outcomes).toEqual(['done', 'done', expect.any(QueueFullError), expect.any(QueueFullError)]);
    expect(outcomes[2]).toMatchObject({ code: 'ERR_MQTT_QUEUE_FULL', topic: '3' });
    expect((outcomes[2] as Error).message).toContain('cannot wait to be sent');
    expect(topicsAt(broker)).toEqual(['1', '2']);
  });

  it("drops the oldest with overflow: 'drop-oldest'", async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker, { offline: { maxMessages: 2, overflow: 'drop-oldest' } });
    const outcomes = await Promise.all(
      [1, 0, 1, 0].map((qos, n) => emit(client, `${n}`, { qos: qos as 0 | 1 })),
    );
    expect(outcomes).toEqual([expect.any(QueueFullError), expect.any(QueueFullError), 'done', 'done']);
    expect(outcomes[0]).toMatchObject({ topic: '0' });
    expect((outcomes[0] as Error).message).toContain('had to make room');
    await until(() => broker.packets('publish').length === 2);
    expect(topicsAt(broker)).toEqual(['2', '3']);
  });

  it('drops nothing for a message that has no place at all', async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker, { offline: { maxBytes: 100, overflow: 'drop-oldest' } });
    const outcomes = [emit(client, 'small', { qos: 1 }), emit(client, 'large', { qos: 1 }, 'x'.repeat(100))];
    expect(await Promise.all(outcomes)).toEqual(['done', expect.any(QueueFullError)]);
  });

  it('does not exist with maxMessages: 0', async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker, { offline: { maxMessages: 0 } });
    expect(await emit(client, 'a', { qos: 1 })).toBeInstanceOf(QueueFullError);
    await until(() => client.unwrap().connected);
    expect(await emit(client, 'b', { qos: 1 })).toBe('done');
  });

  it('takes no QoS 0 with queueQoSZero: false', async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker, { queueQoSZero: false });
    const outcomes = await Promise.all([emit(client, 'a', { qos: 0 }), emit(client, 'b', { qos: 1 })]);
    expect(outcomes).toEqual([expect.any(PublishError), 'done']);
    expect(topicsAt(broker)).toEqual(['b']);
  });

  it('holds what was published, not what has become of its buffer', async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker);
    const payload = Buffer.from('before');
    const outcome = outcomeOf(client.emit('a', new MqttRecord(payload, { qos: 1 })));
    await new Promise(setImmediate);
    payload.write('after!');
    expect(await outcome).toBe('done');
    expect(broker.packets('publish')[0]!.payload.toString()).toBe('before');
  });

  it('is lost when the client is closed, with an error for each', async () => {
    await using broker = await startStubBroker();
    await using client = await startOffline(broker);
    const outcomes = [emit(client, 'a', { qos: 1 }), emit(client, 'b', { qos: 0 })];
    await new Promise(setImmediate);
    await client.close();
    expect(await Promise.all(outcomes)).toEqual([expect.any(ConnectionError), expect.any(ConnectionError)]);
    await client.connect();
    expect(await emit(client, 'c', { qos: 1 })).toBe('done');
    expect(topicsAt(broker)).toEqual(['c']);
  });

  it('takes what is published while the last connection is made good for, and nothing fails when that is lost', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ publish: connection > 2 ? 'answer' : 'ignore' }),
    });
    await using client = await startClient(broker.url, { reconnectPeriod: 20 });
    const first = emit(client, 'first', { qos: 1 });
    await until(() => broker.packets('publish').length === 1);
    broker.closeConnections();
    await until(() => broker.connections.length === 2 && broker.packets('publish').length === 2);
    const second = emit(client, 'second', { qos: 1 });
    await new Promise(setImmediate);
    broker.closeConnections();
    expect(await Promise.all([first, second])).toEqual(['done', 'done']);
    expect(topicsAt(broker)).toEqual(['first', 'first', 'first', 'second']);
  });
});

describe('a message that has waited', () => {
  it('expires earlier, and is not sent when it has expired', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    await using client = await startOffline(broker, { protocolVersion: 5, reconnectPeriod: 1100 });
    const outcomes = [1, 60].map((messageExpiryInterval) =>
      emit(client, 'a', { qos: 1, properties: { messageExpiryInterval } }),
    );
    const [expired, sent] = await Promise.all(outcomes);
    expect(expired).toBeInstanceOf(PublishError);
    expect((expired as Error).message).toContain('expired while it waited');
    expect(sent).toBe('done');
    expect(broker.packets('publish').map(({ properties }) => properties?.messageExpiryInterval)).toEqual([
      59,
    ]);
  });

  it('is held to the limits of the connection on which it is sent', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({ connect: { properties: { maximumQoS: connection === 1 ? 1 : 0 } } }),
    });
    await using client = await startOffline(broker, { protocolVersion: 5 });
    const outcomes = await Promise.all([emit(client, 'a', { qos: 1 }), emit(client, 'b', { qos: 0 })]);
    expect(outcomes).toEqual([expect.any(PublishError), 'done']);
    expect(outcomes[0]).toMatchObject({ reasonCode: 0x9b });
  });

  it("is sent with the QoS that the connection takes, with maxQos: 'downgrade'", async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({ connect: connection === 1 ? 'answer' : { properties: { maximumQoS: 0 } } }),
    });
    await using client = await startOffline(broker, { protocolVersion: 5, maxQos: 'downgrade' });
    expect(await emit(client, 'a', { qos: 2 })).toBe('done');
    await until(() => broker.packets('publish').length === 1);
    expect(broker.packets('publish')[0]!.qos).toBe(0);
  });

  it('has no Topic Alias, which would be that of another connection', async () => {
    const connect = { properties: { topicAliasMaximum: 5 } };
    await using broker = await startStubBroker({ protocolVersion: 5, script: { connect } });
    await using client = await startOffline(broker, { protocolVersion: 5 });
    expect(await emit(client, 'a', { qos: 1, properties: { topicAlias: 5 } })).toBe('done');
    expect(broker.packets('publish')[0]).toMatchObject({ topic: 'a' });
    expect(broker.packets('publish')[0]!.properties?.topicAlias).toBeUndefined();
  });
});

function emit(client: ClientMqtt, topic: string, options: MqttRecordOptions, data = 'x'): Promise<unknown> {
  return outcomeOf(client.emit(topic, new MqttRecord(data, options)));
}

/** A client that has lost its first connection, and will soon make the next one. */
async function startOffline(broker: StubBroker, options: Omit<ClientMqttOptions, 'url'> = {}) {
  const client = await startClient(broker.url, { reconnectPeriod: RECONNECT_MS, ...options });
  await goOffline(client, () => broker.closeConnections());
  return client;
}

async function goOffline(client: ClientMqtt, cut: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => client.on('close', resolve));
  cut();
  await closed;
}

function topicsAt(broker: StubBroker): string[] {
  return broker.packets('publish').map(({ topic }) => topic);
}
