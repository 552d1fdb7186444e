import type { HandleEvent } from '../../../src/diagnostics/handle-event.js';
import { mqttChannels } from '../../../src/diagnostics/mqtt-channels.js';
import { traceHandling, type Ending } from '../../../src/diagnostics/trace-handling.js';
import { MqttContext } from '../../../src/message/mqtt-context.js';
import { onMessage } from '../../support/channel-messages.js';
import { connectionIdentity } from '../../support/connection-identity.js';
import { createMessage } from '../server/create-message.js';

type Wrap = Parameters<HandleEvent['runIn']>[0];

describe('traceHandling', () => {
  it('runs inside of all wraps, the first one outermost', async () => {
    const steps: string[] = [];
    const around =
      (name: string): Wrap =>
      (next) => {
        steps.push(`enter ${name}`);
        next();
        steps.push(`leave ${name}`);
      };
    await trace([around('a'), around('b')], () => (steps.push('run'), { kind: 'handled' }));
    expect(steps).toEqual(['enter a', 'enter b', 'run', 'leave b', 'leave a']);
  });

  it.each<[string, Wrap]>([
    ['does not call next', () => undefined],
    ['calls it twice', (next) => (next(), next())],
    ['calls it later', (next) => void Promise.resolve().then(next)],
  ])('runs once, whatever a wrap does that %s', async (_, wrap) => {
    let runs = 0;
    const ending = await trace([wrap], () => (runs++, { kind: 'failed', error: 'no' }));
    await Promise.resolve();
    expect([runs, ending]).toEqual([1, { kind: 'failed', error: 'no' }]);
  });

  it('runs without a wrap that fails, whose error nobody catches', async () => {
    const fail: Wrap = () => {
      throw new Error('no');
    };
    const { nextTick } = process;
    const ticks: (() => void)[] = [];
    process.nextTick = (tick: () => void) => void ticks.push(tick);
    try {
      expect(await trace([fail], () => ({ kind: 'handled' }))).toEqual({ kind: 'handled' });
      expect(ticks[0]).toThrow('no');
    } finally {
      process.nextTick = nextTick;
    }
  });
});

async function trace(wraps: readonly Wrap[], run: () => Ending): Promise<Ending> {
  using _subscription = onMessage(`tracing:${mqttChannels.handle}:start`, (event) =>
    wraps.forEach((event as HandleEvent).runIn),
  );
  return await traceHandling(createFacts(), run);
}

function createFacts() {
  const { topic, packet } = createMessage('a');
  const context = new MqttContext([topic, packet]);
  const route = {
    handler: 'a',
    kind: 'event',
    filter: 'a',
    shareName: undefined,
    replyTo: undefined,
  } as const;
  return { ...route, connection: connectionIdentity(), delivery: {}, context, waitedMs: 0 };
}
