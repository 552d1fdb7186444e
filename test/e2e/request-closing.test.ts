import { once } from 'node:events';
import { interval, lastValueFrom, map, merge, NEVER, of, take, tap, toArray } from 'rxjs';
import { RemoteError, type MqttContext } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { packetsOf } from '../support/packets.js';
import { startClient } from '../support/start-client.js';
import { startServer, type ServerSetup } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const CLOSING = { status: 'error', message: 'The service is closing' };
const DRAIN_MS = 30;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('a service that closes', ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  let clients = 0;
  const keepSession = () => ({
    clientId: `service-${clients++}`,
    clean: false,
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
  });
  const serve = (setup: ServerSetup, options: object = {}) =>
    startServer({ url: broker.url, protocolVersion, drainTimeoutMs: DRAIN_MS, ...options }, setup);

  it('tells the requester of a stream so, when it has waited for drainTimeoutMs', async () => {
    await using server = await serve({ messages: { ask: () => merge(of(1, 2), NEVER) } });
    await using client = await startClient(broker.url, { protocolVersion });
    const values: unknown[] = [];
    const outcome = outcomeOf(client.send('ask', 1).pipe(tap((value) => values.push(value))));
    await until(() => values.length === 2);
    const begin = performance.now();
    const closing = server.close();
    expect(await outcome).toBeInstanceOf(RemoteError);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(DRAIN_MS - 1);
    expect(((await outcome) as RemoteError).error).toEqual(CLOSING);
    await closing;
  });

  it('lets a stream end that ends within drainTimeoutMs', async () => {
    await using server = await serve(
      { messages: { ask: () => interval(2).pipe(take(5)) } },
      { drainTimeoutMs: 5000 },
    );
    await using client = await startClient(broker.url, { protocolVersion });
    let seen = 0;
    const values = outcomeOf(
      client.send('ask', 1).pipe(
        tap(() => seen++),
        toArray(),
      ),
    );
    await until(() => seen > 0);
    await server.close();
    expect(await values).toEqual([0, 1, 2, 3, 4]);
  });

  it('does not wait for a stream whose requester has gone meanwhile', async () => {
    await using proxy = await startTcpProxy(broker);
    const options = { url: proxy.url, drainTimeoutMs: 60_000 };
    await using server = await serve({ messages: { ask: () => merge(of(1), NEVER) } }, options);
    await using client = await startClient(broker.url, { protocolVersion });
    let seen = 0;
    const subscription = client.send('ask', 1).subscribe(() => seen++);
    await until(() => seen === 1);
    const closing = outcomeOf(server.close());
    await until(() => packetsOf(proxy, protocolVersion).some(({ cmd }) => cmd === 'unsuback'));
    subscription.unsubscribe();
    expect(await closing).toBe('done');
  });

  it('tells those so whose requests run or wait, and aborts the signal of those that run', async () => {
    const signals: AbortSignal[] = [];
    await using server = await serve(
      { messages: { ask: (_, { signal }) => (signals.push(signal), new Promise(() => undefined)) } },
      { concurrency: 1 },
    );
    await using client = await startClient(broker.url, { protocolVersion });
    const [running, waiting] = [outcomeOf(client.send('ask', 1)), outcomeOf(client.send('ask', 2))];
    await until(() => signals.length === 1);
    await client.unwrap().publishAsync('barrier', '', { qos: 1 }); // the second one has left, too
    await server.close();
    expect(await running).toMatchObject({ error: CLOSING });
    expect(await waiting).toMatchObject({ error: CLOSING });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(logs.messages('warn', 'error')).toEqual([]);
  });

  it('aborts the signal of an event handler when it has waited for drainTimeoutMs', async () => {
    const signals: AbortSignal[] = [];
    await using server = await serve({
      events: { event: (_, { signal }) => (signals.push(signal), once(signal, 'abort')) },
    });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('event', '1');
    await until(() => signals.length === 1);
    const begin = performance.now();
    const closing = server.close();
    expect(signals[0]!.aborted).toBe(false);
    await once(signals[0]!, 'abort');
    expect(performance.now() - begin).toBeGreaterThanOrEqual(DRAIN_MS - 1);
    await closing;
  });

  it('has a signal for its events, whose many listeners Node does not take for a leak', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const signals: AbortSignal[] = [];
    await using server = await serve({
      events: { 'events/+': (_, { signal }) => (signals.push(signal), once(signal, 'abort')) },
    });
    await using device = await connectDevice(broker.url, { protocolVersion });
    for (let event = 0; event < 12; event++) await device.publish(`events/${event}`, '1');
    await until(() => signals.length === 12);
    await server.close();
    process.off('warning', note);
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });

  it.each<[string, (context: MqttContext) => unknown]>([
    ['throws', ({ signal }) => once(signal, 'abort').then(() => signal.throwIfAborted())],
    ['throws, being in time', async ({ signal }) => once(new EventTarget(), 'never', { signal })],
  ])('leaves an event to a broker that keeps the session when its handler %s', async (_, handle) => {
    const kept = keepSession();
    let runs = 0;
    const server = await serve(
      { events: { event: (_data, context) => (runs++, handle(context)) }, options: { qos: 1 } },
      kept,
    );
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('event', '1', { qos: 1 });
    await until(() => runs === 1);
    await server.close();
    const again: unknown[] = [];
    const next = await serve({ events: { event: (data) => again.push(data) }, options: { qos: 1 } }, kept);
    await until(() => again.length === 1);
    await next.close();
    expect(logs.errors()).toEqual([]);
  });

  it('leaves a request to a broker that keeps the session, for the next process, and aborts its signal', async () => {
    const kept = keepSession();
    const signals: AbortSignal[] = [];
    const server = await serve(
      {
        messages: { ask: (_, { signal }) => (signals.push(signal), once(signal, 'abort')) },
        options: { qos: 1 },
      },
      kept,
    );
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('answers');
    const properties = { responseTopic: 'answers', correlationData: Buffer.from('1') };
    const envelope = JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: 'answers' });
    await device.publish('ask', protocolVersion === 5 ? '1' : envelope, { qos: 1, properties });
    await until(() => signals.length === 1);
    await server.close();
    expect(signals[0]!.aborted).toBe(true);
    const next = await serve({ messages: { ask: () => 'answer' }, options: { qos: 1 } }, kept);
    expect((await device.next('answers')).payload.toString()).toContain('answer');
    await next.close();
    expect(device.received).toHaveLength(1);
    expect(logs.messages('warn', 'error')).toEqual([]);
  });

  it('acknowledges the request of a stream that it has broken off, which is not run again', async () => {
    const kept = keepSession();
    let runs = 0;
    const setup: ServerSetup = {
      messages: { ask: () => (runs++, merge(of(1), NEVER)), after: () => 'after' },
      options: { qos: 1 },
    };
    const server = await serve(setup, kept);
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('answers');
    const properties = { responseTopic: 'answers', correlationData: Buffer.from('1') };
    const envelope = JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: 'answers' });
    await device.publish('ask', protocolVersion === 5 ? '1' : envelope, { qos: 1, properties });
    await device.next('answers');
    await server.close();
    expect((await device.next('answers')).payload.toString()).toContain('closing');
    const next = await serve(setup, kept);
    await using client = await startClient(broker.url, { protocolVersion });
    expect(await lastValueFrom(client.send('after', 1).pipe(map(String)))).toBe('after');
    await next.close();
    expect(runs).toBe(1);
  });
});

describeOnBrokers('a client that closes', ({ protocolVersion, start }) => {
  it('stops the handlers of its requests', async () => {
    await using broker = await start();
    const stopped = closedGate();
    const signals: AbortSignal[] = [];
    await using _server = await startServer(
      { url: broker.url, protocolVersion },
      {
        messages: {
          stream: () => merge(of(1), NEVER).pipe(tap({ unsubscribe: stopped.open })),
          wait: (_, { signal }) => (signals.push(signal), once(signal, 'abort')),
        },
      },
    );
    await using client = await startClient(broker.url, { protocolVersion });
    const values: unknown[] = [];
    const outcomes = [
      outcomeOf(client.send('stream', 1).pipe(tap((value) => values.push(value)))),
      outcomeOf(client.send('wait', 1)),
    ];
    await until(() => values.length === 1 && signals.length === 1);
    await client.close();
    await stopped.opened;
    await until(() => signals[0]!.aborted);
    expect(await Promise.all(outcomes)).toMatchObject([
      { code: 'ERR_MQTT_CONNECTION' },
      { code: 'ERR_MQTT_CONNECTION' },
    ]);
  });
});
