import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';
import { defer, firstValueFrom, from, lastValueFrom, map, of, toArray, type Observable } from 'rxjs';
import {
  mqttChannels,
  type HandleEvent,
  type MqttContext,
  type PublishEvent,
  type RequestEvent,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { onMessage } from '../support/channel-messages.js';
import { connectDevice } from '../support/device.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const handling = tracingChannel<unknown, HandleEvent>(mqttChannels.handle);
const startOf = (name: string) => `tracing:${name}:start`;

describeOnBrokers('asynchronous context', ({ protocolVersion, start }) => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const note = () => void seen.push(storage.getStore());
  let broker: Broker;
  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());
  beforeEach(() => {
    seen.length = 0;
  });

  const enter = (event: unknown): void => {
    const { context, runIn } = event as HandleEvent;
    runIn((next) => storage.run(`run ${context.attempt} on ${context.topic}`, next));
  };
  const topicOf = (event: HandleEvent) => `run ${event.context.attempt} on ${event.context.topic}`;

  const bind = (): Disposable => {
    handling.start.bindStore(storage, topicOf);
    return { [Symbol.dispose]: () => void handling.start.unbindStore(storage) };
  };

  it.each<[string, () => Disposable]>([
    ['is what is bound to the channel', bind],
    ['is what a subscriber enters', () => onMessage(startOf(mqttChannels.handle), enter)],
  ])('of a handler, to its end, %s', async (_title, attach) => {
    const handle = async () => {
      note();
      await setImmediate();
      note();
    };
    const observable = () => defer(async () => setImmediate()).pipe(map(note));
    const options = { url: broker.url, protocolVersion };
    const failing = async (_: unknown, { attempt }: MqttContext) => {
      note();
      if (attempt === 1) throw new Error('once more');
    };
    using _attached = attach();
    await using _server = await startServer(options, {
      events: { a: handle, failing },
      messages: { observable },
      options: { retry: { attempts: 2, delayMs: 1 } },
    });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await using client = await startClient(broker.url, { protocolVersion });
    await device.publish('a', '1');
    await until(() => seen.length === 2);
    expect(seen.splice(0)).toEqual(['run 1 on a', 'run 1 on a']);
    await lastValueFrom(client.send('observable', {}), { defaultValue: undefined });
    expect(seen.splice(0)).toEqual(['run 1 on observable']);
    await device.publish('failing', '1');
    await until(() => seen.length === 2);
    expect(seen).toEqual(['run 1 on failing', 'run 2 on failing']);
  });

  it('of a handler is not that of who made the connection, nor that of the message before', async () => {
    await using proxy = await startTcpProxy(broker);
    const options = { url: proxy.url, protocolVersion, concurrency: 1 };
    const handle = (data: unknown) => {
      note();
      storage.enterWith(`after ${String(data)}`);
    };
    await using server = await storage.run('start', () => startServer(options, { events: { '+': handle } }));
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('a', '1');
    await device.publish('a', '2');
    await device.publish('b', '3');
    await until(() => seen.length === 3);
    const connectedSince = server.health().connectedSince!;
    proxy.cut();
    await until(() => server.health().connectedSince! > connectedSince);
    await until(() => server.health().subscriptions.granted === 1);
    await device.publish('a', '4');
    await until(() => seen.length === 4);
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('of an observer of replies is that in which it has subscribed', async () => {
    const url = broker.url;
    await using _server = await startServer(
      { url, protocolVersion },
      { messages: { count: () => from([1, 2]) } },
    );
    await using client = await storage.run('connect', () =>
      startClient(url, { protocolVersion, timeoutMs: 50 }),
    );
    const observe = (replies: Observable<unknown>) =>
      new Promise<void>((resolve) =>
        replies.subscribe({
          next: note,
          error: () => (note(), resolve()),
          complete: () => (note(), resolve()),
        }),
      );
    await Promise.all([
      storage.run('first', () => observe(client.send('count', {}))),
      storage.run('second', () => observe(client.send('nobody', {}))),
      storage.run('third', () => observe(client.sendToMany('count', {}, { max: 1 }))),
    ]);
    expect(seen.map(String).toSorted()).toEqual([
      'first',
      'first',
      'first',
      'second',
      'third',
      'third',
      'third',
    ]);
  });

  it('goes with a message as what a subscriber adds to its metadata', async () => {
    const add = (event: unknown) => {
      const { metadata } = event as PublishEvent | RequestEvent;
      metadata['trace'] = storage.getStore()!;
    };
    using _publishing = onMessage(startOf(mqttChannels.publish), add);
    using _requesting = onMessage(startOf(mqttChannels.request), add);
    const metadata: unknown[] = [];
    const handle = (_: unknown, context: MqttContext) => void metadata.push(context.getMetadata());
    const handlers = { events: { a: handle }, messages: { b: handle } };
    await using _server = await startServer({ url: broker.url, protocolVersion }, handlers);
    await using client = await startClient(broker.url, { protocolVersion });
    await storage.run('request', () => lastValueFrom(client.send('b', {}).pipe(toArray())));
    await storage.run('event', () => lastValueFrom(client.emit('a', {}), { defaultValue: undefined }));
    await until(() => metadata.length === 2);
    expect(metadata).toEqual([{ trace: 'request' }, protocolVersion === 5 ? { trace: 'event' } : {}]);
  });

  it('of a request that waits for the connection is that in which it was made', async () => {
    const read = (event: unknown) => void seen.push((event as RequestEvent).topic, storage.getStore());
    using _requesting = onMessage(startOf(mqttChannels.request), read);
    const url = broker.url;
    await using _server = await startServer({ url, protocolVersion }, { messages: { one: () => of(1) } });
    await using client = await startClient(url, { protocolVersion });
    await client.close();
    const requests = ['first', 'second'].map((name) =>
      storage.run(name, () => firstValueFrom(client.send('one', {}).pipe(map(note)))),
    );
    await Promise.all(requests);
    expect(seen.map(String).toSorted()).toEqual(['first', 'first', 'one', 'one', 'second', 'second']);
  });
});
