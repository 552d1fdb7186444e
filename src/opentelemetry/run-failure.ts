import type { HandleEvent } from '../index.js';
import { errorType } from './error-type.js';

/** Outcomes without an error that are failures all the same. */
const FAILURES: ReadonlySet<unknown> = new Set(['expired', 'unanswerable']);

/** The `error.type` of a run that has failed. */
export function runFailure({ outcome, error }: HandleEvent): string | undefined {
  if (error !== undefined) return errorType(error);
  return FAILURES.has(outcome) ? outcome : undefined;
}
