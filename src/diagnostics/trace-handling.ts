import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import type { HandleEvent, HandleFacts, HandleOutcome } from './handle-event.js';
import { mqttChannels } from './mqtt-channels.js';

type Wrap = Parameters<HandleEvent['runIn']>[0];

/** How a run ended. */
export interface Ending {
  readonly kind: HandleOutcome;
  readonly error?: unknown;
}

export const handling: TracingChannel<unknown, HandleEvent> = tracingChannel(mqttChannels.handle);

/** Tells of a run of a handler. To be called if somebody listens. */
export async function traceHandling<T extends Ending>(
  facts: HandleFacts,
  run: () => T | Promise<T>,
): Promise<T> {
  const wraps: Wrap[] = [];
  const event = toEvent(facts, wraps);
  const { start, end, asyncStart, asyncEnd, error } = handling;
  const running = start.runStores(event, () => {
    try {
      return runInside(wraps, run);
    } finally {
      end.publish(event);
    }
  });
  const ending = await running;
  event.outcome = ending.kind;
  event.error = ending.error;
  if (event.error !== undefined) error.publish(event);
  asyncStart.publish(event);
  asyncEnd.publish(event);
  return ending;
}

/** Name by name: a spread takes two microseconds. */
function toEvent(facts: HandleFacts, wraps: Wrap[]): HandleEvent {
  return {
    connection: facts.connection,
    delivery: facts.delivery,
    handler: facts.handler,
    kind: facts.kind,
    filter: facts.filter,
    shareName: facts.shareName,
    replyTo: facts.replyTo,
    context: facts.context,
    waitedMs: facts.waitedMs,
    outcome: undefined,
    error: undefined,
    runIn: (wrap) => void wraps.push(wrap),
  };
}

/** A wrap that fails is reported as Node reports a subscriber that does: the message must not suffer. */
function runInside<T>(wraps: readonly Wrap[], run: () => T): T {
  let ran: { readonly result: T } | undefined;
  const innermost = (): void => void (ran ??= { result: run() });
  const outermost = wraps.reduceRight<() => void>((next, wrap) => () => wrap(next), innermost);
  try {
    outermost();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
  return (ran ??= { result: run() }).result;
}
