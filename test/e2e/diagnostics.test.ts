import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { RpcException } from '@nestjs/microservices';
import { concat, firstValueFrom, lastValueFrom, NEVER, of, toArray } from 'rxjs';
import {
  ClientMqtt,
  collectHealth,
  ConnectionError,
  jsonCodec,
  mqttChannels,
  MqttConnection,
  MqttContext,
  MqttRecord,
  PublishError,
  RemoteError,
  RequestTimeoutError,
  SubscriptionError,
  type ConnectEvent,
  type DeadLetterEvent,
  type DisconnectEvent,
  type DropEvent,
  type HandleEvent,
  type HealthCollection,
  type HealthReport,
  type PublishEvent,
  type ReconnectEvent,
  type ReplyEvent,
  type RequestEvent,
  type RetryEvent,
  type SubscriptionEvent,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { channelMessages, tracingMessages } from '../support/channel-messages.js';
import { connectDevice } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { createClient, startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;
beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('the channels', ({ protocolVersion, start, kind }) => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await start({ denied: true });
  });
  afterAll(() => broker[Symbol.asyncDispose]());
  const server = () => ({ url: broker.url, protocolVersion, clientId: 'server' });
  const connection = { clientId: 'server', protocolVersion };

  it('tell of a run of a handler, from before it is decoded to its end', async () => {
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    const events = { 'sites/{site}/reading': () => expect(runs).toHaveLength(1) };
    await using _server = await startServer(server(), { events, options: { qos: 1 } });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('sites/oslo/reading', '{"kwh":3}', { qos: 1 });
    await until(() => runs.length === 4);
    expect(runs.map(([part]) => part)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    const [, run] = runs[0]!;
    expect(run).toMatchObject({
      connection: { ...connection, broker: broker.url },
      handler: '@EventPattern("sites/{site}/reading")',
      kind: 'event',
      filter: 'sites/{site}/reading',
      shareName: undefined,
      outcome: 'handled',
      error: undefined,
    });
    expect(run.context).toBeInstanceOf(MqttContext);
    expect(run.context).toMatchObject({ topic: 'sites/oslo/reading', qos: 1, attempt: 1 });
    expect(run.waitedMs).toBeGreaterThanOrEqual(0);
  });

  it('tell how long a message has waited for the one before it', async () => {
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    const gate = closedGate();
    const events = { a: (data: unknown) => (data === 1 ? gate.opened : undefined) };
    await using _server = await startServer(server(), { events });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('a', '1');
    await device.publish('a', '2');
    await until(() => runs.length === 2);
    const begin = performance.now();
    await until(() => performance.now() - begin > 20);
    gate.open();
    await until(() => runs.length === 8);
    expect(runs[0]![1].waitedMs).toBeLessThan(20);
    expect(runs.find(([part, run]) => part === 'start' && run.waitedMs! > 19)).toBeDefined();
  });

  it('tell of each run of a handler that fails, of what follows, and of the dead letter', async () => {
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    using retries = channelMessages<RetryEvent>(mqttChannels.retry);
    using letters = channelMessages<DeadLetterEvent>(mqttChannels.deadLetter);
    const failure = new RpcException('too hot');
    const events = {
      poison: () => {
        throw failure;
      },
    };
    const options = { retry: { attempts: 2, delayMs: 1, jitter: 0 }, deadLetter: 'graves' };
    await using _server = await startServer(server(), { events, options });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('poison', '1');
    await until(() => letters.length === 1);
    const ends = runs.filter(([part]) => part === 'asyncEnd').map(([, run]) => run);
    expect(runs.filter(([part]) => part === 'error')).toHaveLength(2);
    expect(ends).toMatchObject([
      { outcome: 'failed', error: failure, context: { attempt: 1 }, waitedMs: expect.any(Number) },
      { outcome: 'failed', error: failure, context: { attempt: 2 }, waitedMs: undefined },
    ]);
    expect(ends[0]!.delivery).toBe(ends[1]!.delivery);
    const handler = '@EventPattern("poison")';
    const common = { connection, topic: 'poison', handler, filter: 'poison' };
    expect(retries).toMatchObject([{ ...common, attempts: 1, delayMs: 1, error: failure }]);
    expect(letters).toMatchObject([
      { ...common, deadLetterTopic: 'graves', attempts: 2, reason: failure, error: undefined },
    ]);
  });

  it('tell of a dead letter that the broker refuses', async () => {
    using letters = channelMessages<DeadLetterEvent>(mqttChannels.deadLetter);
    const events = { poison: () => Promise.reject(new Error('no')) };
    await using _server = await startServer(server(), { events, options: { deadLetter: 'denied/graves' } });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('poison', '1');
    const silently = kind === 'mosquitto' && protocolVersion === 4; // it acknowledges what it drops
    await until(() => letters.length === 1);
    expect(letters[0]!.error).toEqual(silently ? undefined : expect.any(Error));
  });

  it.each([
    ['does not decode', '{', {}, 1],
    ['has no key', '1', { order: withoutKey }, 0],
  ])(
    'tell how often a message that %s was tried before its dead letter',
    async (_, payload, options, attempts) => {
      using letters = channelMessages<DeadLetterEvent>(mqttChannels.deadLetter);
      const all = { codec: jsonCodec, deadLetter: 'graves', ...options };
      await using _server = await startServer(server(), { events: { a: () => 1 }, options: all });
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.publish('a', payload);
      await until(() => letters.length === 1);
      expect(letters[0]).toMatchObject({ attempts, reason: expect.any(Error) });
    },
  );

  it('tell of a payload that does not decode, for which no handler is run', async () => {
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    const handle = () => expect('this').toBe('never run');
    await using _server = await startServer(server(), {
      events: { a: handle },
      options: { codec: jsonCodec },
    });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('a', '{');
    await until(() => runs.at(-1)?.[0] === 'asyncEnd');
    expect(runs.at(-1)![1]).toMatchObject({ outcome: 'undecodable', error: { name: 'CodecError' } });
  });

  it('tell of a message whose handler is not run, because the key of its order fails', async () => {
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    const handle = () => expect('this').toBe('never run');
    const setup = { events: { a: handle }, messages: { b: handle }, options: { order: withoutKey } };
    await using _server = await startServer(server(), setup);
    await using client = await startClient(broker.url, { protocolVersion });
    await outcomeOf(client.emit('a', 1));
    await until(() => runs.at(-1)?.[0] === 'asyncEnd');
    expect(runs.map(([part]) => part)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(runs[0]![1]).toMatchObject({ filter: 'a', outcome: 'failed', error: noKey });
    expect(await outcomeOf(client.send('b', 1))).toBeInstanceOf(RemoteError);
    await until(() => runs.length === 10);
    expect(runs.at(-1)![1]).toMatchObject({ filter: 'b', outcome: 'unanswered', error: noKey });
  });

  it('tell of requests and replies, on both sides', async () => {
    using requests = tracingMessages<RequestEvent>(mqttChannels.request);
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    using replies = channelMessages<ReplyEvent>(mqttChannels.reply);
    await using _server = await startServer(server(), { messages: { count: () => of(1, 2, 3) } });
    await using client = await startClient(broker.url, { protocolVersion, clientId: 'client' });
    await lastValueFrom(client.send('count', {}));
    await until(() => runs.length === 4);
    expect(requests.map(([part]) => part)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(requests[0]![1]).toMatchObject({
      connection: { broker: broker.url, clientId: 'client', protocolVersion },
      topic: 'count',
      qos: 0,
      timeoutMs: 30_000,
      many: false,
      metadata: {},
      replies: 3,
      outcome: 'completed',
      error: undefined,
    });
    const replyTo = { topic: 'clients/client/replies', id: requests[0]![1].id };
    expect(runs.at(-1)![1]).toMatchObject({ kind: 'message', filter: 'count', replyTo, outcome: 'handled' });
    const reply = { connection, topic: 'clients/client/replies', qos: 0, error: undefined };
    expect(replies).toMatchObject([reply, reply, reply]);
  });

  it('tell of a request before there is a connection for it, which is known at its end', async () => {
    using requests = tracingMessages<RequestEvent>(mqttChannels.request);
    await using _server = await startServer(server(), { messages: { one: () => 1 } });
    const servers = [{ host: '127.0.0.1', port: broker.port, protocol: 'mqtt' as const }];
    await using client = createClient({ servers, protocolVersion, clientId: 'client' });
    const answer = lastValueFrom(client.send('one', {}));
    expect(requests.map(([part]) => part)).toEqual(['start', 'end']);
    await answer;
    expect(requests.at(-1)).toMatchObject([
      'asyncEnd',
      { connection: { broker: `127.0.0.1:${broker.port}`, clientId: 'client' } },
    ]);
  });

  it.each<[string, number, string, unknown]>([
    ['fails', 1000, 'failed', expect.any(RemoteError)],
    ['never', 50, 'failed', expect.any(RequestTimeoutError)],
    ['denied/a', 50, 'failed', expect.any(Error)],
  ])('tell why a request fails (%s)', async (topic, timeoutMs, outcome, error) => {
    using requests = tracingMessages<RequestEvent>(mqttChannels.request);
    const messages = { fails: () => Promise.reject(new RpcException('no')), never: () => NEVER };
    await using _server = await startServer(server(), { messages });
    await using client = await startClient(broker.url, { protocolVersion, timeoutMs });
    const failure = await outcomeOf(client.send(topic, {}));
    expect(requests.map(([part]) => part)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(requests[0]![1]).toMatchObject({ outcome, error });
    expect(requests[0]![1].error).toBe(failure);
  });

  it('tell of a request that nobody waits for any more, but not of one that was answered before', async () => {
    using requests = tracingMessages<RequestEvent>(mqttChannels.request);
    const called = closedGate();
    const messages = { never: () => (called.open(), NEVER), one: () => 1, many: () => of(1, 2, 3) };
    await using _server = await startServer(server(), { messages });
    await using client = await startClient(broker.url, { protocolVersion });
    const waiting = client.send('never', {}).subscribe();
    await called.opened;
    waiting.unsubscribe();
    await firstValueFrom(client.send('one', {}));
    await firstValueFrom(client.send('many', {}));
    const ends = requests
      .filter(([part]) => part === 'asyncEnd')
      .map(([, { topic, outcome }]) => [topic, outcome]);
    expect(ends).toEqual([
      ['never', 'unsubscribed'],
      ['one', 'completed'],
      ['many', 'unsubscribed'],
    ]);
  });

  it('tell of a run that its requester ends: a stream, and a handler that fails over it, are cancelled', async () => {
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    const aborted = (signal: AbortSignal) => once(signal, 'abort');
    const messages = {
      stream: () => concat(of(1), NEVER),
      fails: (_: unknown, { signal }: MqttContext) =>
        aborted(signal).then(() => Promise.reject(new Error('aborted'))),
      goesOn: (_: unknown, { signal }: MqttContext) => aborted(signal).then(() => 1),
    };
    await using _server = await startServer(server(), { messages });
    await using client = await startClient(broker.url, { protocolVersion });
    const outcomes = () => runs.filter(([part]) => part === 'asyncEnd').map(([, run]) => run.outcome);
    for (const [index, topic] of ['stream', 'fails', 'goesOn'].entries()) {
      const waiting = client.send(topic, {}).subscribe();
      await until(() => runs.filter(([part]) => part === 'start').length === index + 1);
      waiting.unsubscribe();
      await until(() => outcomes().length === index + 1);
    }
    expect(outcomes()).toEqual(['cancelled', 'cancelled', 'handled']);
  });

  it('tell of a request to many, whose failures are replies and whose time is up', async () => {
    using requests = tracingMessages<RequestEvent>(mqttChannels.request);
    const messages = { many: () => Promise.reject(new RpcException('no')) };
    await using _server = await startServer(server(), { messages });
    await using client = await startClient(broker.url, { protocolVersion });
    await lastValueFrom(client.sendToMany('many', {}, { timeoutMs: 100 }).pipe(toArray()));
    expect(requests.at(-1)).toMatchObject(['asyncEnd', { many: true, replies: 1, outcome: 'completed' }]);
  });

  it('tell of an event from its publication to its acknowledgement', async () => {
    using events = tracingMessages<PublishEvent>(mqttChannels.publish);
    await using client = await startClient(broker.url, { protocolVersion, clientId: 'client' });
    await outcomeOf(client.emit('a', new MqttRecord(1, { qos: 1, retain: true })));
    expect(events.map(([part]) => part)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(events[0]![1]).toMatchObject({
      connection: { broker: broker.url, clientId: 'client', protocolVersion },
      topic: 'a',
      qos: 1,
      retain: true,
      metadata: {},
    });
    expect(await outcomeOf(client.emit('a/+', 1))).toBeInstanceOf(PublishError);
    expect(events.at(-1)).toMatchObject(['asyncEnd', { topic: 'a/+', error: expect.any(PublishError) }]);
    expect(events.filter(([part]) => part === 'error')).toHaveLength(1);
    await client.clearRetained('a');
  });

  it('tell of subscriptions, granted and refused', async () => {
    using answers = channelMessages<SubscriptionEvent>(mqttChannels.subscription);
    const subscribing = startServer(server(), {
      events: { a: () => 1, 'denied/a': () => 1 },
      options: { qos: 1 },
    });
    const failure = await subscribing.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SubscriptionError);
    expect(answers.toSorted((a, b) => a.filter.localeCompare(b.filter))).toMatchObject([
      { connection, filter: 'a', requestedQos: 1, qos: 1, reasonCode: undefined },
      {
        connection,
        filter: 'denied/a',
        requestedQos: 1,
        qos: undefined,
        reasonCode: protocolVersion === 5 ? 0x87 : 0x80,
      },
    ]);
  });

  it('tell of a stream of messages of a client', async () => {
    using runs = tracingMessages<HandleEvent>(mqttChannels.handle);
    await using client = await startClient(broker.url, { protocolVersion, clientId: 'client' });
    await using device = await connectDevice(broker.url, { protocolVersion });
    const first = firstValueFrom(client.messages('streams/{id}', { codec: jsonCodec }));
    await until(() => client.health().subscriptions.granted === 1);
    await device.publish('streams/1', '{');
    await device.publish('streams/2', '1');
    await first;
    await until(() => runs.length === 9);
    expect(runs.filter(([part]) => part === 'asyncEnd').map(([, run]) => run)).toMatchObject([
      { kind: 'stream', filter: 'streams/{id}', outcome: 'undecodable', context: { params: { id: '1' } } },
      {
        kind: 'stream',
        handler: 'messages("streams/{id}")',
        outcome: 'handled',
        context: { params: { id: '2' } },
      },
    ]);
  });
});

describe('the channels', () => {
  it('tell of connections that are made, lost, made again and closed', async () => {
    using made = channelMessages<ConnectEvent>(mqttChannels.connect);
    using ended = channelMessages<DisconnectEvent>(mqttChannels.disconnect);
    using attempts = channelMessages<ReconnectEvent>(mqttChannels.reconnect);
    await using broker = await startAedes({ version: 5 });
    await using proxy = await startTcpProxy(broker);
    const connection = { broker: proxy.url, clientId: 'server', protocolVersion: 5 };
    {
      await using _server = await startServer({ url: proxy.url, protocolVersion: 5, clientId: 'server' });
      proxy.cut();
      await until(() => made.length === 2);
      expect(ended).toMatchObject([{ connection, error: expect.any(ConnectionError) }]);
    }
    expect(made).toMatchObject([
      { connection, isFirst: true, sessionPresent: false },
      { connection, isFirst: false, sessionPresent: false },
    ]);
    expect(attempts).toMatchObject([{ connection }]);
    expect(ended).toMatchObject([{}, { connection, error: undefined }]);
  });

  it('tell of messages that are dropped, with the handler that was to have them', async () => {
    using dropped = channelMessages<DropEvent>(mqttChannels.drop);
    await using broker = await startAedes({ version: 5 });
    const gate = closedGate();
    const options = { url: broker.url, protocolVersion: 5, maxQueued: 1 } as const;
    await using server = await startServer(options, { events: { 'jobs/#': () => gate.opened } });
    await using device = await connectDevice(broker.url, { protocolVersion: 5 });
    for (const payload of ['1', '2', '3']) await device.publish('jobs/a', payload);
    await until(() => dropped.length === 1);
    expect(dropped).toMatchObject([
      { topic: 'jobs/a', qos: 0, filter: 'jobs/#', handler: '@EventPattern("jobs/#")' },
    ]);
    expect(server.health().dropped).toBe(1);
    gate.open();
  });

  it('ask no client any more whose shared connection was closed, but one whose connection was given up', async () => {
    await using broker = await startAedes({ version: 5 });
    const options = { url: broker.url, protocolVersion: 5, clientId: 'billing' } as const;
    const reports = () => collectHealth().filter((report) => report.connection.broker === broker.url);
    const connection = new MqttConnection(options);
    await new ClientMqtt({ connection }).connect();
    expect(reports()).toHaveLength(1);
    await connection.close();
    expect(reports()).toEqual([]);
    await using client = await startClient(broker.url, options);
    await using _other = await startServer(options);
    await until(() => client.health().givenUp);
    expect(reports()).toMatchObject([
      { role: 'client', health: { givenUp: true } },
      { role: 'server', health: { givenUp: false } },
    ]);
  });

  it('ask all open servers and clients how they are', async () => {
    await using broker = await startAedes({ version: 5 });
    const collect = (): HealthReport[] => {
      const reports: HealthReport[] = [];
      const add = (report: HealthReport) => report.connection.broker === broker.url && reports.push(report);
      const collection: HealthCollection = { add };
      channel(mqttChannels.collect).publish(collection);
      return reports;
    };
    const options = { protocolVersion: 5, clientId: 'server' } as const;
    await using server = await startServer({ ...options, url: broker.url }, { events: { a: () => 1 } });
    await using client = await startClient(broker.url, { ...options, clientId: 'client' });
    const connection = { broker: broker.url, clientId: 'server', protocolVersion: 5 };
    expect(collect()).toEqual([
      { role: 'server', connection, health: server.health() },
      { role: 'client', connection: { ...connection, clientId: 'client' }, health: client.health() },
    ]);
    await server.close();
    expect(collect().map(({ role }) => role)).toEqual(['client']);
    await client.close();
    expect(collect()).toEqual([]);
    await client.connect();
    expect(collect()).toHaveLength(1);
  });
});

const noKey = new Error('no key');

function withoutKey(): never {
  throw noKey;
}
