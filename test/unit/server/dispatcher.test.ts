import { ACKNOWLEDGE, WITHHOLD, type Decision } from '../../../src/message/decision.js';
import { createPipeline } from '../../../src/server/create-pipeline.js';
import { toRoute } from '../../../src/server/handler-route.js';
import type { MqttHandlerOptions } from '../../../src/server/handler-options.js';
import type { MqttContext } from '../../../src/message/mqtt-context.js';
import type { ServerMqttOptions } from '../../../src/server/server-options.js';
import { SubscriptionPlan } from '../../../src/connection/subscriptions/subscription-plan.js';
import { CapturedLogs } from '../../support/capture-logs.js';
import { closedGate } from '../../support/gate.js';
import { until } from '../../support/until.js';
import { connectionIdentity } from '../../support/connection-identity.js';
import { createMessage } from './create-message.js';

type Handle = (data: unknown, context: MqttContext) => unknown;

describe('Dispatcher', () => {
  it('answers for a message when the last of its handlers has decided', async () => {
    const gate = closedGate();
    const { dispatch } = createDispatcher({ 'a/b': () => 1, 'a/+': () => gate.opened });
    const decisions = dispatch('a/b');
    await until(() => Promise.resolve(true));
    expect(decisions).toEqual([]);
    gate.open();
    await until(() => decisions.length === 1);
    expect(decisions).toEqual([ACKNOWLEDGE]);
  });

  it('answers for a message of one handler that withholds it with that', async () => {
    const { dispatch } = createDispatcher({
      'a/b': () => 1,
      'a/+': (_, context) => context.withhold(),
    });
    const decisions = dispatch('a/b');
    await until(() => decisions.length === 1);
    expect(decisions).toEqual([WITHHOLD]);
  });

  it('answers on receipt before the handler runs', () => {
    const gate = closedGate();
    const { dispatch } = createDispatcher({ a: () => gate.opened }, { ack: 'receipt' });
    expect(dispatch('a')).toEqual([ACKNOWLEDGE]);
    gate.open();
  });

  it('leaves messages to the broker after it is stopped', async () => {
    let runs = 0;
    const { dispatch, pipeline } = createDispatcher({ a: () => runs++ });
    pipeline.dispatcher.stop();
    expect([dispatch('a'), runs]).toEqual([[WITHHOLD], 0]);
    await pipeline.drain(10);
  });

  it('leaves what waits when the time to drain is over to the broker', async () => {
    const gate = closedGate();
    const { dispatch, pipeline } = createDispatcher({ a: () => gate.opened });
    const [running, waiting] = [dispatch('a'), dispatch('a')];
    await pipeline.drain(1);
    gate.open();
    await until(() => running.length + waiting.length === 2);
    expect([running, waiting]).toEqual([[ACKNOWLEDGE], [WITHHOLD]]);
  });

  it('fails a message whose key cannot be had, without its handler', async () => {
    let runs = 0;
    const order = () => {
      throw new Error('no key');
    };
    const { dispatch, logs } = createDispatcher({ a: () => runs++ }, { order });
    const decisions = dispatch('a');
    await until(() => decisions.length === 1);
    expect([decisions, runs]).toEqual([[{ kind: 'reject', reasonCode: 0x80 }], 0]);
    expect(logs).toEqual([expect.stringContaining('no key')]);
  });

  it('drops the oldest QoS 0 messages that wait, never those of QoS 1 and 2', async () => {
    const gate = closedGate();
    const seen: unknown[] = [];
    const handle: Handle = async (data) => {
      seen.push(data);
      await gate.opened;
    };
    const { dispatch, logs, pipeline } = createDispatcher({ a: handle }, {}, { maxQueued: 1 });
    for (const [data, qos] of [1, 1, 0, 0, 0, 2].map((level, index) => [index, level as 0 | 1 | 2] as const))
      dispatch('a', String(data), qos);
    gate.open();
    await pipeline.drain(1000);
    expect(seen).toEqual([0, 1, 4, 5]);
    expect(logs).toEqual([expect.stringContaining('Dropped 2 QoS 0 messages')]);
  });

  it('takes a payload whose pattern cannot be normalised for data', async () => {
    const seen: unknown[] = [];
    const { dispatch } = createDispatcher({ a: (data) => seen.push(data) });
    const decisions = dispatch('a', '{"pattern":"throw","data":1}');
    await until(() => decisions.length === 1);
    expect(seen).toEqual([{ pattern: 'throw', data: 1 }]);
  });
});

function createDispatcher(
  handlers: Readonly<Record<string, Handle>>,
  options: MqttHandlerOptions = {},
  server: ServerMqttOptions = {},
) {
  const routes = Object.entries(handlers).map(([pattern, handle]) =>
    toRoute(
      {
        pattern,
        handler: async (data, context) => handle(data, context as MqttContext) as never,
        isEventHandler: true,
        extras: options,
      },
      server,
    ),
  );
  const plan = new SubscriptionPlan(routes);
  const logs: string[] = [];
  const note = (line: unknown) => void logs.push(String(line));
  const pipeline = createPipeline(routes, {
    options: server,
    logger: Object.assign(new CapturedLogs(), { error: note, warn: note }),
    concurrency: 1000,
    protocolVersion: 4,
    keepsSession: true,
    cancellations: undefined,
    responderName: () => 'server',
    connection: connectionIdentity,
    publish: () => Promise.resolve({ noMatchingSubscribers: false }),
    normalizePattern: (pattern) => {
      if (pattern === 'throw') throw new RangeError('Maximum call stack size exceeded');
      return pattern;
    },
    hooks: () => undefined,
  });
  /** The decisions on one message. */
  const dispatch = (topic: string, payload = '1', qos: 0 | 1 | 2 = 1) => {
    const decisions: Decision[] = [];
    const message = createMessage(topic, payload, { qos }, (decision) => decisions.push(decision));
    const matched = plan.match(topic).flatMap(({ interests }) => interests);
    pipeline.dispatcher.dispatch(message, matched);
    return decisions;
  };
  return { dispatch, pipeline, logs };
}
