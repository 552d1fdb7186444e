import { MAX_DELAY_MS } from '../connection/max-delay.js';
import { ConfigurationError } from '../errors.js';
import { topicNameProblem } from '../topic/topic-name.js';
import { adviceOf } from './failure-errors.js';
import type { MqttHandlerOptions, RetryOptions } from './handler-options.js';

/** What follows from the failure of a handler. */
export interface FailurePolicy {
  readonly retry: RetryOptions | undefined;
  readonly deadLetter: string | undefined;
  readonly onFailure: 'reject' | 'acknowledge' | 'withhold';
}

/** For a `RetriableError` where nothing is said of `retry`. */
const RETRY_IF_ASKED: RetryOptions = { attempts: 3 };
const DELAY_MS = 1000;
const FACTOR = 2;
const JITTER = 0.1;

/** @throws {ConfigurationError} */
export function toFailurePolicy(options: MqttHandlerOptions, defaults: MqttHandlerOptions): FailurePolicy {
  const { retry = defaults.retry, deadLetter = defaults.deadLetter } = options;
  const problem = deadLetter === undefined ? undefined : topicNameProblem(deadLetter);
  if (problem !== undefined)
    throw new ConfigurationError(`The deadLetter topic "${deadLetter}" is invalid: ${problem}`);
  if (retry !== undefined) checkRetry(retry);
  const onFailure = options.onFailure ?? defaults.onFailure ?? 'reject';
  if (!['reject', 'acknowledge', 'withhold'].includes(onFailure)) {
    throw new ConfigurationError(
      `onFailure must be "reject", "acknowledge" or "withhold", not ${JSON.stringify(onFailure)}`,
    );
  }
  return { retry, deadLetter, onFailure };
}

/** How long to wait before the next run, in milliseconds; `undefined` if there is none. */
export function retryDelayMs({ retry }: FailurePolicy, attempt: number, error: unknown): number | undefined {
  const advice = adviceOf(error);
  if (advice?.retriable === false) return undefined;
  const options = retry ?? (advice === undefined ? undefined : RETRY_IF_ASKED);
  if (options === undefined || attempt >= options.attempts) return undefined;
  if (advice?.delayMs !== undefined) return Math.min(advice.delayMs, MAX_DELAY_MS);
  const { delayMs = DELAY_MS, factor = FACTOR, jitter = JITTER } = options;
  return Math.min(delayMs * factor ** (attempt - 1) * (1 + jitter * Math.random()), MAX_DELAY_MS);
}

function checkRetry({ attempts, ...numbers }: RetryOptions): void {
  if (!(Number.isInteger(attempts) || attempts === Infinity) || attempts < 1) {
    throw new ConfigurationError(`retry.attempts must be 1 or more, not ${String(attempts)}`);
  }
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined && !(value >= 0)) {
      throw new ConfigurationError(`retry.${name} must be 0 or more, not ${String(value)}`);
    }
  }
}
