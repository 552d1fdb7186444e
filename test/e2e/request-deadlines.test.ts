import { once } from 'node:events';
import { MqttRecord as NestMqttRecord } from '@nestjs/microservices';
import { concat, NEVER, tap, timer } from 'rxjs';
import {
  ClientMqtt,
  ConfigurationError,
  MqttRecord,
  MqttRecordBuilder,
  PublishError,
  RequestTimeoutError,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { packetsOf, publishesOf } from '../support/packets.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const LONG_MS = 60_000;
const SHORT_MS = 40;

interface Envelope {
  readonly timeoutMs?: number;
}

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('the deadline of a request', ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const connect = (timeoutMs?: number) => startClient(broker.url, { protocolVersion, timeoutMs });

  it.each<[string, number | undefined, unknown]>([
    ["is the client's timeoutMs", SHORT_MS, 1],
    ["is the builder's setTimeout()", LONG_MS, new MqttRecordBuilder(1).setTimeoutMs(SHORT_MS).build()],
    ["is the record's timeoutMs", undefined, new MqttRecord(1, { timeoutMs: SHORT_MS })],
    ["is that of Nest's own record", LONG_MS, new NestMqttRecord(1, { timeoutMs: SHORT_MS } as never)],
    ["is the record's, also where the client has none", 0, new MqttRecord(1, { timeoutMs: SHORT_MS })],
  ])('%s', async (_, timeoutMs, data) => {
    await using client = await connect(timeoutMs);
    const begin = performance.now();
    const failure = await outcomeOf(client.send('nobody', data));
    expect(performance.now() - begin).toBeGreaterThanOrEqual(SHORT_MS - 1);
    expect(failure).toBeInstanceOf(RequestTimeoutError);
    expect(failure).toMatchObject({
      code: 'ERR_MQTT_REQUEST_TIMEOUT',
      topic: 'nobody',
      timeoutMs: SHORT_MS,
      message: `No reply to the request on "nobody" within ${SHORT_MS} ms`,
    });
  });

  it.each<[string, number, unknown]>([
    ['the client', 0, 1],
    ['the record', SHORT_MS, new MqttRecordBuilder(1).setTimeoutMs(0).build()],
    ['the record, for ever', SHORT_MS, new MqttRecord(1, { timeoutMs: Infinity })],
  ])('is none with a timeoutMs of 0: %s', async (_, timeoutMs, data) => {
    const gate = closedGate();
    await using _server = await startServer(
      { url: broker.url, protocolVersion },
      { messages: { ask: () => gate.opened.then(() => 'answer') } },
    );
    await using client = await connect(timeoutMs);
    const answer = outcomeOf(client.send('ask', data));
    for (let others = 0; others < 2; others++)
      await outcomeOf(client.send('nobody', new MqttRecord(1, { timeoutMs: SHORT_MS })));
    gate.open();
    expect(await answer).toBe('answer');
  });

  it('starts again with each value of a stream', async () => {
    await using _server = await startServer(
      { url: broker.url, protocolVersion },
      { messages: { ask: () => concat(timer(40), NEVER) } },
    );
    await using client = await connect(250);
    let lastValueAt = NaN;
    const values = client.send('ask', 1).pipe(tap(() => (lastValueAt = performance.now())));
    expect(await outcomeOf(values)).toBeInstanceOf(RequestTimeoutError);
    expect(performance.now() - lastValueAt).toBeGreaterThanOrEqual(249);
  });

  it('passes also before there is a connection', async () => {
    await using client = Object.assign(
      new ClientMqtt({ url: 'mqtt://127.0.0.1:1', maxConnectionAttempts: -1, timeoutMs: SHORT_MS }),
      { [Symbol.asyncDispose]: () => client.close() },
    );
    expect(await outcomeOf(client.send('ask', 1))).toBeInstanceOf(RequestTimeoutError);
  });

  it.each([
    ['-1', -1],
    ['no number', NaN],
    ['text', '5'],
  ])('cannot be %s', async (_, timeoutMs) => {
    await using client = await connect();
    const failure = await outcomeOf(client.send('ask', new MqttRecord(1, { timeoutMs } as never)));
    expect(failure).toBeInstanceOf(PublishError);
    expect((failure as Error).message).toContain('timeoutMs must be a number from 0 up');
  });

  const ownExpiry = new MqttRecordBuilder(1).setTimeoutMs(1001).setMessageExpiry(7).build();

  it.each<[string, unknown, number | undefined, number | undefined]>([
    ['30 s by default', 1, 30, 30_000],
    ['that of the record, on MQTT 5 rounded up to seconds', new MqttRecord(1, { timeoutMs: 1001 }), 2, 1001],
    ['nothing if there is none', new MqttRecord(1, { timeoutMs: 0 }), undefined, undefined],
    ["on MQTT 5 the record's own expiry", ownExpiry, 7, 1001],
  ])('is on the wire: %s', async (_, data, expirySeconds, timeoutMs) => {
    await using proxy = await startTcpProxy(broker);
    await using client = await startClient(proxy.url, { protocolVersion });
    const subscription = client.send('ask', data).subscribe();
    const { properties, payload } = await until(() => publishesOf(proxy, protocolVersion)[0]);
    subscription.unsubscribe();
    if (protocolVersion === 5) expect(properties?.messageExpiryInterval).toBe(expirySeconds);
    else expect((JSON.parse(payload.toString()) as Envelope).timeoutMs).toBe(timeoutMs);
  });
});

describeOnBrokers('a request whose time is up', ({ protocolVersion, start }) => {
  // a Message Expiry Interval is whole seconds
  const TIMEOUT_MS = protocolVersion === 5 ? 1000 : SHORT_MS;

  const ask = (device: Device, topic: string, id: string, expires = true) => {
    const timeoutMs = expires ? TIMEOUT_MS : undefined;
    const envelope = { pattern: topic, data: id, id, replyTo: 'answers', timeoutMs };
    if (protocolVersion === 4) return device.publish(topic, JSON.stringify(envelope), { qos: 1 });
    const properties = {
      responseTopic: 'answers',
      correlationData: Buffer.from(id),
      ...(expires && { messageExpiryInterval: 1 }),
    };
    return device.publish(topic, JSON.stringify(id), { qos: 1, properties });
  };

  it('is not run, but acknowledged, and counted in one line of the log; the signal of one that runs aborts', async () => {
    await using broker = await start();
    await using proxy = await startTcpProxy(broker);
    const gate = closedGate();
    const runs: unknown[] = [];
    const signals: AbortSignal[] = [];
    await using server = await startServer(
      { url: proxy.url, protocolVersion, drainTimeoutMs: 5000 },
      {
        messages: {
          slow: async (id) => (runs.push(id), await gate.opened, 'answer'),
          clock: (_, { signal }) => (signals.push(signal), once(signal, 'abort')),
        },
        options: { qos: 1, concurrency: 1 },
      },
    );
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('answers');
    await ask(device, 'slow', 'first', false);
    for (const id of ['a', 'b', 'c']) await ask(device, 'slow', id);
    await ask(device, 'clock', 'd'); // its time is up after theirs
    const signal = await until(() => signals[0]);
    await until(() => signal.aborted);
    expect(signal.reason).toEqual(new RequestTimeoutError('clock', TIMEOUT_MS));
    gate.open();
    await until(() => device.received.length === 2); // what is late may still find somebody
    await server.close();
    expect(runs).toEqual(['first']);
    expect(device.received.map(({ payload }) => payload.toString()).join(' ')).toContain('answer');
    const acknowledged = packetsOf(proxy, protocolVersion).filter(
      ({ cmd, direction }) => cmd === 'puback' && direction === 'toBroker',
    );
    expect(acknowledged).toHaveLength(5);
    expect(logs.messages('warn', 'error')).toEqual([
      '3 requests expired before they were answered: their handlers are too slow, or too busy',
    ]);
  });
});

describe('options of a deadline', () => {
  it.each([-1, NaN, 'soon'])('may not be %p', (timeoutMs) => {
    expect(() => new ClientMqtt({ timeoutMs: timeoutMs as number })).toThrow(ConfigurationError);
    expect(() => new MqttRecordBuilder(1).setTimeoutMs(timeoutMs as number)).toThrow(ConfigurationError);
    expect(() => new ClientMqtt().sendToMany('a', 1, { timeoutMs: timeoutMs as number })).toThrow(
      ConfigurationError,
    );
  });
});
