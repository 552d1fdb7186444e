import { lastValueFrom, type Observable } from 'rxjs';
import { until } from './until.js';

/** What a call of `send`, `emit` or anything that takes time ends with: `'done'` without a value, or its error. */
export async function outcomeOf(
  call: Observable<unknown> | Promise<unknown>,
  deadlineMs = 5000,
): Promise<unknown> {
  const promise = 'subscribe' in call ? lastValueFrom(call, { defaultValue: 'done' }) : call;
  const settled = promise.then(
    (value) => ({ outcome: value ?? 'done' }),
    (error: unknown) => ({ outcome: error }),
  );
  const { outcome } = await until(() => settled, { deadlineMs, message: 'an outcome' });
  return outcome;
}
