import { once } from 'node:events';
import { concat, of } from 'rxjs';
import { RpcException } from '@nestjs/microservices';
import { ConfigurationError, type DedupeOptions, type MqttHandlerOptions } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { createServer, listen, startServer, type Handle } from '../support/start-server.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('a handler with dedupe', ({ protocolVersion, start, kind }) => {
  let broker: Broker;
  let device: Device;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());
  beforeEach(async () => {
    device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('answers/+');
  });
  afterEach(() => device[Symbol.asyncDispose]());

  /** A server whose handler is counted; `after` answers once all that came before has arrived. */
  async function serve(handle: Handle, dedupe: DedupeOptions = {}, options: MqttHandlerOptions = {}) {
    let runs = 0;
    const ask: Handle = (data, context) => (runs++, handle(data, context));
    const server = await startServer(
      { url: broker.url, protocolVersion, drainTimeoutMs: 10 },
      { messages: { ask, after: () => 'after' }, options: { qos: 1, dedupe, ...options } },
    );
    return { runs: () => runs, [Symbol.asyncDispose]: () => server.close() };
  }

  /** @param to the last level of the Response Topic */
  const ask = (id: string, to = 'device', topic = 'ask') => {
    const replyTo = `answers/${to}`;
    const envelope = JSON.stringify({ pattern: topic, data: 1, id, replyTo });
    const properties = { responseTopic: replyTo, correlationData: Buffer.from(id) };
    return device.publish(topic, protocolVersion === 5 ? '1' : envelope, { qos: 1, properties });
  };
  const answersOn = (topic: string) =>
    device.received.filter((message) => message.topic === topic).map(({ payload }) => payload.toString());
  /** Resolves with the answers when there are so many; others that could be would have come by then. */
  const answers = async (count: number, topic = 'answers/device') => {
    await until(() => answersOn(topic).length >= count);
    const before = answersOn('answers/after').length;
    await ask(`after-${before}`, 'after', 'after');
    await until(() => answersOn('answers/after').length > before);
    return answersOn(topic);
  };

  it('answers a request that comes again with the same, and runs it once', async () => {
    let count = 0;
    await using service = await serve(() => ++count);
    await ask('1');
    const [first] = await answers(1);
    await ask('1');
    await ask('1');
    expect(await answers(3)).toEqual([first, first, first]);
    expect(service.runs()).toBe(1);
  });

  it('answers one that failed with the same failure', async () => {
    await using service = await serve(() => {
      throw new RpcException({ reason: 'too hot' });
    });
    await ask('1');
    const [first] = await answers(1);
    await ask('1');
    expect(first).toContain('too hot');
    expect(await answers(2)).toEqual([first, first]);
    expect(service.runs()).toBe(1);
  });

  it('does not run again one that runs, and answers it once', async () => {
    const gate = closedGate();
    await using service = await serve(() => gate.opened.then(() => 'answer'));
    await ask('1');
    await until(() => service.runs() === 1);
    await ask('1');
    await answers(0);
    gate.open();
    expect(await answers(1)).toHaveLength(1);
    expect(service.runs()).toBe(1);
  });

  it('answers one that waited behind itself', async () => {
    const gate = closedGate();
    await using service = await serve(() => gate.opened.then(() => 'answer'), {}, { concurrency: 1 });
    await ask('1');
    await until(() => service.runs() === 1);
    await ask('1');
    await answers(0);
    gate.open();
    expect(await answers(2)).toHaveLength(2);
    expect(service.runs()).toBe(1);
  });

  it('cancels one that runs, though it has come again meanwhile', async () => {
    const signals: AbortSignal[] = [];
    await using _service = await serve((_, { signal }) => (signals.push(signal), once(signal, 'abort')));
    await ask('1');
    await until(() => signals.length === 1);
    await ask('1');
    await answers(0);
    const properties = { responseTopic: 'answers/device', correlationData: Buffer.from('1') };
    const cancellation = JSON.stringify({ id: '1', replyTo: 'answers/device' });
    await device.publish('clients/device/cancellations', protocolVersion === 5 ? '' : cancellation, {
      properties,
    });
    await until(() => signals[0]!.aborted);
  });

  it.each<[string, string, string]>([
    ['another requester with the same Correlation Data', '1', 'other'],
    ['another request of the same requester', '2', 'device'],
  ])('runs that of %s', async (_, id, to) => {
    await using service = await serve(() => 'answer');
    await ask('1');
    await ask(id, to);
    expect(await answers(to === 'device' ? 2 : 1, `answers/${to}`)).toHaveLength(to === 'device' ? 2 : 1);
    expect(service.runs()).toBe(2);
  });

  it('answers with all values of a stream, in their order', async () => {
    await using service = await serve(() => of('a', 'b', 'c'));
    await ask('1');
    const first = await answers(3);
    await ask('1');
    expect(await answers(6)).toEqual([...first, ...first]);
    expect(service.runs()).toBe(1);
  });

  it('remembers max replies', async () => {
    await using service = await serve(() => 'answer', { max: 2 });
    for (const [count, id] of ['1', '2', '3', '2', '1'].entries()) {
      await ask(id);
      await answers(count + 1);
    }
    expect(service.runs()).toBe(4);
  });

  it('remembers for ttlMs', async () => {
    await using service = await serve(() => 'answer', { ttlMs: 50 });
    const begin = performance.now();
    let asked = 0;
    await until(async () => {
      await ask('1');
      await answers(++asked);
      return service.runs() === 2;
    });
    expect(performance.now() - begin).toBeGreaterThanOrEqual(49);
  });

  it('runs again what was cancelled', async () => {
    let gone = 0;
    await using service = await serve((_, { signal }) =>
      concat(
        of('value'),
        once(signal, 'abort').then(() => gone++),
      ),
    );
    await ask('1');
    await answers(1);
    const properties = { responseTopic: 'answers/device', correlationData: Buffer.from('1') };
    const cancellation = JSON.stringify({ id: '1', replyTo: 'answers/device' });
    await device.publish('clients/device/cancellations', protocolVersion === 5 ? '' : cancellation, {
      properties,
    });
    await until(() => gone === 1);
    await ask('1');
    await until(() => service.runs() === 2);
  });

  const itWithMqtt5 = protocolVersion === 5 ? it : it.skip; // an envelope without an id is no request
  itWithMqtt5('runs each that has no Correlation Data', async () => {
    await using service = await serve(() => 'answer');
    for (const correlationData of [undefined, undefined, Buffer.alloc(0), Buffer.alloc(0)])
      await device.publish('ask', '1', {
        qos: 1,
        properties: { responseTopic: 'answers/device', ...(correlationData && { correlationData }) },
      });
    await answers(4);
    expect(service.runs()).toBe(4);
  });

  it('answers in each server by itself: the memory is that of the process', async () => {
    await using one = await serve(() => 'answer');
    await ask('1');
    await answers(1);
    await using two = await serve(() => 'answer');
    await ask('1');
    await answers(3);
    expect([one.runs(), two.runs()]).toEqual([1, 1]);
  });

  const saysSo = kind === 'mosquitto' && protocolVersion === 5;
  (saysSo ? it : it.skip)('remembers an answer that nobody was there to take', async () => {
    await using service = await serve(() => 'answer');
    await ask('1', 'away/from/here');
    await answers(0);
    await device.subscribe('answers/away/from/here');
    await ask('1', 'away/from/here');
    await answers(1, 'answers/away/from/here');
    expect(service.runs()).toBe(1);
  });
});

describe('the option dedupe', () => {
  it.each([{ ttlMs: 0 }, { ttlMs: 1.5 }, { max: 0 }, { max: NaN }])('may not be %j', async (dedupe) => {
    const server = createServer(
      { url: 'mqtt://127.0.0.1:1' },
      { messages: { ask: () => 1 }, options: { dedupe } },
    );
    const failure = await outcomeOf(listen(server));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as Error).message).toMatch(/^@MessagePattern\("ask"\): dedupe\.\w+ must be 1 or more/);
  });
});
