import { RpcException } from '@nestjs/microservices';
import { concat, NEVER, of, take, type Observable } from 'rxjs';
import {
  ConnectionError,
  MqttRecord,
  PublishError,
  type ClientMqtt,
  type ServerMqtt,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startStubBroker } from '../support/stub-broker.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const LONG_MS = 60_000;
const SHORT_MS = 30;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

/** Ways in which a request ends. */
const endings: readonly [string, (client: ClientMqtt) => Promise<unknown>][] = [
  ['a value', (client) => outcomeOf(client.send('answer', 1))],
  ['a stream', (client) => outcomeOf(client.send('stream', 1))],
  ['an error', (client) => outcomeOf(client.send('fail', 1))],
  ['its time', (client) => outcomeOf(client.send('nobody', new MqttRecord(1, { timeoutMs: SHORT_MS })))],
  ['the first value', (client) => outcomeOf(client.send('endless', 1).pipe(take(1)))],
  ['nobody who waits', (client) => giveUp(client.send('wait', 1))],
  ['an invalid topic', (client) => outcomeOf(client.send('a/+', 1))],
  ['an invalid record', (client) => outcomeOf(client.send('answer', new MqttRecord(1, { qos: 3 } as never)))],
  ['data that has no form', (client) => outcomeOf(client.send('answer', cycle))],
  ['many answers', (client) => outcomeOf(client.sendToMany('answer', 1, { max: 1 }))],
  [
    'many answers and their time',
    (client) => outcomeOf(client.sendToMany('answer', 1, { timeoutMs: SHORT_MS })),
  ],
];

async function giveUp(values: Observable<unknown>): Promise<void> {
  values.subscribe().unsubscribe();
  const subscription = values.subscribe();
  await new Promise(setImmediate);
  subscription.unsubscribe();
}

function listenersOf(client: ClientMqtt | ServerMqtt): Record<string, number> {
  const mqttJs = client.unwrap();
  const counts = mqttJs.eventNames().map((event) => [event, mqttJs.listenerCount(event)] as const);
  return Object.fromEntries(counts);
}

/** How many timers keep the process alive, one of `until` among them; at most so many, if there is a limit. */
async function timers(limit = Infinity): Promise<number> {
  let count = 0;
  const isWithin = () => {
    count = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    return count <= limit;
  };
  await until(isWithin, { deadlineMs: 1000, message: () => `${limit} timers, not ${count}` });
  return count;
}

describeOnBrokers('a request leaves no listener and no timer behind', ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const startService = () =>
    startServer(
      { url: broker.url, protocolVersion, keepalive: 0, drainTimeoutMs: 10 },
      {
        messages: {
          answer: () => 'answer',
          stream: () => of(1, 2, 3),
          endless: () => concat(of(1), NEVER),
          wait: () => new Promise(() => undefined),
          fail: () => {
            throw new RpcException('no');
          },
        },
      },
    );

  const connect = (url: string) =>
    startClient(url, { protocolVersion, keepalive: 0, timeoutMs: LONG_MS, reconnectPeriod: 20 });

  it.each(endings)('when it ends with %s', async (_, end) => {
    await using service = await startService();
    await using client = await connect(broker.url);
    await outcomeOf(client.send('answer', 1)); // the first one subscribes
    const before = { listeners: [client, service].map(listenersOf), timers: await timers() };
    for (let times = 0; times < 3; times++) await end(client);
    expect([client, service].map(listenersOf)).toEqual(before.listeners);
    await timers(before.timers);
  });

  it('when it is lost with the connection', async () => {
    await using _service = await startService();
    await using proxy = await startTcpProxy(broker);
    await using client = await connect(proxy.url);
    await outcomeOf(client.send('answer', 1));
    const before = { listeners: listenersOf(client), timers: await timers() };
    const requests = [1, 2, 3].map((data) => outcomeOf(client.send('wait', data)));
    await outcomeOf(client.send('answer', 1));
    proxy.cut();
    for (const request of requests) expect(await request).toBeInstanceOf(ConnectionError);
    await outcomeOf(client.send('answer', 1));
    expect(listenersOf(client)).toEqual(before.listeners);
    await timers(before.timers);
  });

  it('when its client is closed', async () => {
    await using _service = await startService();
    const before = await timers();
    const client = await connect(broker.url);
    const requests = [1, 2, 3].map((data) => outcomeOf(client.send('wait', data)));
    await outcomeOf(client.send('answer', 1));
    const mqttJs = client.unwrap();
    await client.close();
    for (const request of requests) expect(await request).toBeInstanceOf(ConnectionError);
    await timers(before);
    expect(mqttJs.connected).toBe(false);
  });
});

describe('a request that the broker refuses', () => {
  it('leaves no listener and no timer behind', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: {
        publish: ({ messageId }, connection) => {
          connection.send({ cmd: 'puback', messageId: messageId!, reasonCode: 0x87 });
          return 'ignore';
        },
      },
    });
    await using client = await startClient(broker.url, { protocolVersion: 5, keepalive: 0 });
    const ask = () => outcomeOf(client.send('ask', new MqttRecord(1, { qos: 1 })));
    await ask();
    const before = { listeners: listenersOf(client), timers: await timers() };
    expect(await ask()).toBeInstanceOf(PublishError);
    expect(listenersOf(client)).toEqual(before.listeners);
    await timers(before.timers);
  });
});
