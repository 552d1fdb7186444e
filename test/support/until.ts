import { setImmediate, setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface UntilOptions {
  /** How long to wait, from the call; 5000 by default. */
  readonly deadlineMs?: number;
  /** What was waited for, as a noun phrase; a function is called when the deadline has passed. */
  readonly message?: string | (() => string);
}

/**
 * Resolves with the first truthy value of `condition`. A condition that throws (a failing `expect`, say) is
 * asked again, and its last error becomes the `cause` of the rejection at the deadline.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = 5000, message = 'the condition' }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const begin = performance.now();
  const timer = new AbortController();
  const deadline = setTimeout(deadlineMs, undefined, { signal: timer.signal }).catch(() => undefined);
  let last: Attempt<T> = { value: undefined };
  while (performance.now() - begin < deadlineMs) {
    last = await attempt(condition, deadline);
    if (!('error' in last) && last.value) {
      timer.abort();
      return last.value;
    }
    await pause(performance.now() - begin);
  }
  const what = typeof message === 'string' ? message : message();
  const seen = 'error' in last ? `last error: ${text(last.error)}` : `last value: ${inspect(last.value)}`;
  throw new Error(
    `Waited ${deadlineMs} ms for ${what}; ${seen}`,
    'error' in last ? { cause: last.error } : {},
  );
}

type Attempt<T> = { readonly value: T | undefined } | { readonly error: unknown };

async function attempt<T>(
  condition: () => T | Promise<T>,
  deadline: Promise<undefined>,
): Promise<Attempt<T>> {
  try {
    return { value: await Promise.race([condition(), deadline]) };
  } catch (error) {
    return { error };
  }
}

// Eager at first, because what a test waits for is mostly one round trip away.
function pause(elapsedMs: number): Promise<void> {
  return elapsedMs < 50 ? setImmediate() : setTimeout(5);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error);
}
