import { lastValueFrom, merge, NEVER, Observable, of, range, Subject, take, tap, toArray } from 'rxjs';
import {
  CodecError,
  jsonCodec,
  MqttRecord,
  RequestTimeoutError,
  textCodec,
  type ServerMqttOptions,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer, type ServerSetup } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

/** Handlers with 1, 2, 3 and then nothing for ever; how many run, and how many have been stopped. */
function endless() {
  const seen = { running: 0, stopped: 0 };
  const handle = () =>
    new Observable<number>((subscriber) => {
      seen.running++;
      for (const value of [1, 2, 3]) subscriber.next(value);
      return () => {
        seen.running--;
        seen.stopped++;
      };
    });
  return { seen, handle };
}

describeOnBrokers('a stream', ({ protocolVersion, start, kind }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const serve = (setup: ServerSetup, options: ServerMqttOptions = {}) =>
    startServer({ url: broker.url, protocolVersion, drainTimeoutMs: 10, ...options }, setup);
  const connect = (timeoutMs?: number) => startClient(broker.url, { protocolVersion, timeoutMs });

  it.each([0, 1] as const)('keeps the order of many values (QoS %d)', async (qos) => {
    await using _server = await serve({ messages: { ask: () => range(0, 500) }, options: { qos } });
    await using client = await connect();
    const values = await lastValueFrom(client.send('ask', new MqttRecord(1, { qos })).pipe(toArray()));
    expect(values).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });

  it('that runs holds its place, so that the next request waits', async () => {
    const running = new Subject<number>();
    let runs = 0;
    await using _server = await serve({
      messages: { ask: () => (runs++, running), after: () => 'after' },
      options: { concurrency: 1 },
    });
    await using client = await connect();
    const values: unknown[] = [];
    const first = outcomeOf(client.send('ask', 1).pipe(tap((value) => values.push(value))));
    await until(() => runs === 1);
    const second = outcomeOf(client.send('ask', 2));
    running.next(1);
    await lastValueFrom(client.send('after', 1)); // the second one has arrived
    await until(() => values.length === 1);
    expect(runs).toBe(1);
    running.complete();
    await Promise.all([first, second]);
    expect(runs).toBe(2);
  });

  it.each<[string, (values: Observable<unknown>) => unknown, number | undefined]>([
    ['take(2)', (values) => lastValueFrom(values.pipe(take(2))), undefined],
    [
      'unsubscribe()',
      async (values) => {
        let seen = 0;
        const subscription = values.subscribe(() => seen++);
        await until(() => seen === 3);
        subscription.unsubscribe();
      },
      undefined,
    ],
    ['the time of the requester', (values) => outcomeOf(values), 50],
  ])('is stopped at the responder by %s', async (_, consume, timeoutMs) => {
    const { seen, handle } = endless();
    await using _server = await serve({ messages: { ask: handle, warm: () => 'warm' } });
    await using client = await connect(timeoutMs);
    await lastValueFrom(client.send('warm', new MqttRecord(1, { timeoutMs: 60_000 }))); // it has subscribed
    await consume(client.send('ask', 1));
    await until(() => seen.stopped === 1);
    expect(seen.running).toBe(0);
  });

  it('is stopped at all responders', async () => {
    const { seen, handle } = endless();
    await using _one = await serve({ messages: { ask: handle } });
    await using _two = await serve({ messages: { ask: handle } });
    await using client = await connect();
    const subscription = client.send('ask', 1).subscribe();
    await until(() => seen.running === 2);
    subscription.unsubscribe();
    await until(() => seen.stopped === 2);
  });

  (kind === 'mosquitto' ? it : it.skip)(
    'is stopped at the one that has it of a Shared Subscription',
    async () => {
      const { seen, handle } = endless();
      const options = { shared: 'workers' };
      await using _one = await serve({ messages: { ask: handle } }, options);
      await using _two = await serve({ messages: { ask: handle } }, options);
      await using client = await connect();
      const subscriptions = [1, 2, 3, 4].map((data) => client.send('ask', data).subscribe());
      await until(() => seen.running === 4);
      subscriptions.slice(0, 3).forEach((subscription) => subscription.unsubscribe());
      await until(() => seen.stopped === 3);
      expect(seen.running).toBe(1);
      subscriptions[3]!.unsubscribe();
      await until(() => seen.stopped === 4);
    },
  );

  it('ends in a RequestTimeoutError when its responder has gone for good', async () => {
    await using proxy = await startTcpProxy(broker);
    await using _server = await serve(
      { messages: { ask: () => merge(of(1, 2, 3), NEVER) } },
      { url: proxy.url, reconnectPeriod: 0 },
    );
    await using client = await connect(300);
    const values: unknown[] = [];
    const outcome = outcomeOf(client.send('ask', 1).pipe(tap((value) => values.push(value))));
    await until(() => values.length === 3);
    proxy.refuseConnections();
    proxy.cut();
    expect(await outcome).toBeInstanceOf(RequestTimeoutError);
    expect(values).toEqual([1, 2, 3]);
  });

  it('is stopped by a value that the requester cannot read', async () => {
    const { seen, handle } = endless();
    await using _server = await serve({
      messages: { ask: () => merge(of('no JSON'), handle()) },
      options: { codec: textCodec },
    });
    await using client = await startClient(broker.url, {
      protocolVersion,
      codec: jsonCodec,
      ...(protocolVersion === 4 && { deserializer: { deserialize: refuse } }),
    });
    const failure = await outcomeOf(client.send('ask', 1));
    expect(failure).toBeInstanceOf(CodecError);
    await until(() => seen.stopped === 1);
  });
});

function refuse(): never {
  throw new CodecError('no JSON', 'json');
}

describeOnBrokers(
  'a stream whose requester has died',
  ({ protocolVersion, start }) => {
    it('is stopped by the broker, which says that nobody takes a QoS 1 reply', async () => {
      await using broker = await start();
      await using proxy = await startTcpProxy(broker);
      const values = new Subject<number>();
      let stopped = 0;
      await using _server = await startServer(
        { url: broker.url, protocolVersion },
        { messages: { ask: () => values.pipe(tap({ unsubscribe: () => stopped++ })) }, options: { qos: 1 } },
      );
      await using client = await startClient(proxy.url, { protocolVersion });
      let seen = 0;
      client
        .send('ask', new MqttRecord(1, { qos: 1 }))
        .pipe(tap(() => seen++))
        .subscribe({ error: () => undefined });
      await until(() => values.observed);
      values.next(1);
      await until(() => seen === 1);
      proxy.refuseConnections();
      proxy.cut();
      await until(() => {
        values.next(2); // until the broker has noticed
        return stopped === 1;
      });
      expect(values.observed).toBe(false);
      expect(logs.errors().filter((line) => line.includes('failed on'))).toEqual([]);
    });
  },
  { only: (target) => target.kind === 'mosquitto' && target.protocolVersion === 5 },
);
