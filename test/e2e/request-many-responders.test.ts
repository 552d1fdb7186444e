import { once } from 'node:events';
import { RpcException } from '@nestjs/microservices';
import { concat, lastValueFrom, NEVER, of, tap, throwError, toArray } from 'rxjs';
import {
  ClientMqtt,
  ConfigurationError,
  MqttRecord,
  MqttRecordBuilder,
  NoRespondersError,
  RemoteError,
  type ResponderReply,
  type SendToManyOptions,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer, type Handle } from '../support/start-server.js';
import { until } from '../support/until.js';

const SHORT_MS = 60;
const NAMES = ['one', 'two', 'three'] as const;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const byResponder = (replies: readonly ResponderReply[]) =>
  replies.toSorted((a, b) => String(a.responder).localeCompare(String(b.responder)));

describeOnBrokers('a request to many responders', ({ protocolVersion, start, kind }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const connect = () => startClient(broker.url, { protocolVersion });
  const collect = (client: ClientMqtt, options: SendToManyOptions, data: unknown = 1) =>
    lastValueFrom(client.sendToMany('ask', data, options).pipe(toArray()));

  /** Three servers with these names, each with its handler. */
  async function serve(handles: readonly Handle[]) {
    const servers = await Promise.all(
      handles.map((ask, index) =>
        startServer(
          { url: broker.url, protocolVersion, clientId: NAMES[index]!, drainTimeoutMs: 10 },
          { messages: { ask } },
        ),
      ),
    );
    const dispose = async () => {
      await Promise.all(servers.map((server) => server.close()));
    };
    return { [Symbol.asyncDispose]: dispose };
  }

  it('collects what each of them answers, with its Client Identifier, and completes with the max-th', async () => {
    await using _servers = await serve(NAMES.map((name) => () => `I am ${name}`));
    await using client = await connect();
    const replies = await collect(client, { max: 3 });
    expect(byResponder(replies)).toEqual([
      { responder: 'one', value: 'I am one' },
      { responder: 'three', value: 'I am three' },
      { responder: 'two', value: 'I am two' },
    ]);
  });

  it('completes with fewer than there are, and stops those that still work', async () => {
    const signals: AbortSignal[] = [];
    const wait: Handle = (_, { signal }) => (signals.push(signal), once(signal, 'abort'));
    let stopped = 0;
    const stream = () => concat(of('value'), NEVER).pipe(tap({ unsubscribe: () => stopped++ }));
    const answer = () => until(() => signals.length === 1).then(() => 'answer');
    await using _servers = await serve([answer, wait, stream]);
    await using client = await connect();
    const replies = await collect(client, { max: 1 });
    expect(replies).toContainEqual({ responder: 'one', value: 'answer' });
    await until(() => signals[0]!.aborted && stopped === 1);
  });

  it('completes with those that are there when its time is up, and stops the others', async () => {
    const signals: AbortSignal[] = [];
    await using _servers = await serve([
      () => 'answer',
      (_, { signal }) => (signals.push(signal), new Promise(() => undefined)),
    ]);
    await using client = await connect();
    const begin = performance.now();
    expect(await collect(client, { timeoutMs: 200 })).toEqual([{ responder: 'one', value: 'answer' }]);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(199);
    await until(() => signals[0]?.aborted);
  });

  it.each<[string, SendToManyOptions, unknown]>([
    ['of the call', { timeoutMs: SHORT_MS }, new MqttRecord(1, { timeoutMs: 60_000 })],
    ['of the record', {}, new MqttRecordBuilder(1).setTimeoutMs(SHORT_MS).build()],
  ])('has the time %s', async (_, options, data) => {
    await using client = await connect();
    expect(await collect(client, options, data)).toEqual([]);
  });

  it('has a failure as an element, which does not end it', async () => {
    await using _servers = await serve([
      () => throwError(() => new RpcException({ reason: 'too hot' })),
      () => 'answer',
    ]);
    await using client = await connect();
    const [failure, answer] = byResponder(await collect(client, { max: 2 }));
    expect(answer).toEqual({ responder: 'two', value: 'answer' });
    expect(failure?.error).toBeInstanceOf(RemoteError);
    expect(failure).toMatchObject({ responder: 'one', error: { error: { reason: 'too hot' } } });
  });

  it('has all values of the stream of each', async () => {
    await using _servers = await serve([() => of(1, 2, 3), () => of('a', 'b')]);
    await using client = await connect();
    const replies = await collect(client, { max: 2 });
    const of1 = replies.filter(({ responder }) => responder === 'one').map(({ value }) => value);
    const of2 = replies.filter(({ responder }) => responder === 'two').map(({ value }) => value);
    expect([of1, of2]).toEqual([
      [1, 2, 3],
      ['a', 'b'],
    ]);
  });

  it('is stopped by unsubscribing', async () => {
    const signals: AbortSignal[] = [];
    const wait: Handle = (_, { signal }) => (signals.push(signal), once(signal, 'abort'));
    await using _servers = await serve([wait, wait]);
    await using client = await connect();
    const subscription = client.sendToMany('ask', 1).subscribe();
    await until(() => signals.length === 2);
    subscription.unsubscribe();
    await until(() => signals.every(({ aborted }) => aborted));
  });

  it('that nobody hears is empty after its time', async () => {
    await using client = await connect();
    expect(await collect(client, { timeoutMs: SHORT_MS })).toEqual([]);
  });

  it('that nobody hears fails at once where the broker says so', async () => {
    const saysSo = kind === 'mosquitto' && protocolVersion === 5;
    await using client = await connect();
    const outcome = await outcomeOf(
      client.sendToMany('ask', new MqttRecord(1, { qos: 1 }), { timeoutMs: SHORT_MS }),
    );
    if (saysSo) expect(outcome).toBeInstanceOf(NoRespondersError);
    else expect(outcome).toBe('done');
  });

  it('is answered by a device, which does not say who it is', async () => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('ask');
    device.client.on('message', (topic, payload, { properties = {} }) => {
      if (topic !== 'ask') return;
      const { id, replyTo } = protocolVersion === 4 ? (JSON.parse(payload.toString()) as Envelope) : EMPTY;
      const { responseTopic = replyTo, correlationData } = properties;
      const answer = protocolVersion === 4 ? JSON.stringify({ id, response: 7, isDisposed: true }) : '7';
      device.client.publish(responseTopic, answer, {
        properties: { ...(correlationData && { correlationData }) },
      });
    });
    await using client = await connect();
    expect(await collect(client, { max: 1 })).toEqual([{ responder: undefined, value: 7 }]);
  });

  it('to one responder does not ask it who it is', async () => {
    await using _servers = await serve([() => 'answer']);
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('clients/requester/replies');
    await using client = await startClient(broker.url, { protocolVersion, clientId: 'requester' });
    expect(await outcomeOf(client.send('ask', 1))).toBe('answer');
    const { payload, packet } = await device.next();
    expect(`${payload.toString()} ${JSON.stringify(packet.properties ?? {})}`).not.toContain('responder');
  });
});

interface Envelope {
  readonly id: string;
  readonly replyTo: string;
}

const EMPTY: Envelope = { id: '', replyTo: '' };

describe('the option max', () => {
  it.each([0, -1, 1.5, NaN])('may not be %d', (max) => {
    expect(() => new ClientMqtt().sendToMany('a', 1, { max })).toThrow(ConfigurationError);
  });
});
