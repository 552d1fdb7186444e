import { RpcException } from '@nestjs/microservices';
import { FatalError, RetriableError } from '../../../src/server/failure-errors.js';
import { retryDelayMs, toFailurePolicy } from '../../../src/server/failure-policy.js';
import type { MqttHandlerOptions, RetryOptions } from '../../../src/server/handler-options.js';
import { ConfigurationError } from '../../../src/errors.js';
import { thrownBy } from '../thrown-by.js';

const MAX_TIMER_MS = 2 ** 31 - 1; // Node runs a longer timer at once

describe('toFailurePolicy', () => {
  it('rejects, once, without a dead letter, by default', () => {
    expect(toFailurePolicy({}, {})).toEqual({ retry: undefined, deadLetter: undefined, onFailure: 'reject' });
  });

  it('takes the options of the handler before those of the server', () => {
    const server: MqttHandlerOptions = { retry: { attempts: 2 }, deadLetter: 'dead', onFailure: 'withhold' };
    expect(toFailurePolicy({}, server)).toEqual(server);
    const handler: MqttHandlerOptions = {
      retry: { attempts: 1 },
      deadLetter: 'own',
      onFailure: 'acknowledge',
    };
    expect(toFailurePolicy(handler, server)).toEqual(handler);
  });

  it.each<[string, MqttHandlerOptions]>([
    ['no attempt', { retry: { attempts: 0 } }],
    ['half an attempt', { retry: { attempts: 1.5 } }],
    ['attempts that are no number', { retry: { attempts: '3' as never } }],
    ['a dead letter topic with a wildcard', { deadLetter: 'dead/+' }],
    ['no dead letter topic', { deadLetter: '' }],
    ['a delay below zero', { retry: { attempts: 2, delayMs: -1 } }],
    ['a delay that is no number', { retry: { attempts: 2, delayMs: Number.NaN } }],
    ['a factor below zero', { retry: { attempts: 2, factor: -1 } }],
    ['a jitter below zero', { retry: { attempts: 2, jitter: -2 } }],
    ['an onFailure that is none', { onFailure: 'retry' as never }],
  ])('does not take %s', (_, options) => {
    expect(thrownBy(() => toFailurePolicy(options, {}))).toBeInstanceOf(ConfigurationError);
  });
});

describe('retryDelayMs', () => {
  const delays = (retry: RetryOptions | undefined, error: unknown = new Error('no'), attempts = 5) =>
    Array.from({ length: attempts }, (_, index) =>
      retryDelayMs(toFailurePolicy({ retry }, {}), index + 1, error),
    );

  it('is none without retry', () => {
    expect(delays(undefined)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('grows with each attempt until the last', () => {
    const retry = { attempts: 4, delayMs: 100, factor: 3, jitter: 0 };
    expect(delays(retry)).toEqual([100, 300, 900, undefined, undefined]);
  });

  it('is one second, then two, and up to a tenth longer by default', () => {
    for (let n = 0; n < 100; n++) {
      const [first, second] = delays({ attempts: 3 }) as number[];
      expect(first).toBeGreaterThanOrEqual(1000);
      expect(first).toBeLessThanOrEqual(1100);
      expect(second).toBeGreaterThanOrEqual(2000);
      expect(second).toBeLessThanOrEqual(2200);
    }
  });

  it('is never longer than a timer can be', () => {
    const retry = { attempts: 100, delayMs: 60_000 };
    for (const delayMs of delays(retry, new Error('no'), 99))
      expect(delayMs).toBeLessThanOrEqual(MAX_TIMER_MS);
    const error = new RetriableError('later', { delayMs: 2 ** 40 });
    expect(delays(retry, error, 1)[0]).toBeLessThanOrEqual(MAX_TIMER_MS);
  });

  it('is asked for by a RetriableError: three attempts without retry', () => {
    expect(delays(undefined, new RetriableError('later', { delayMs: 5 }))).toEqual([
      5,
      5,
      undefined,
      undefined,
      undefined,
    ]);
    expect(delays({ attempts: 2, delayMs: 100, jitter: 0 }, new RetriableError('later'), 2)).toEqual([
      100,
      undefined,
    ]);
  });

  it('is none after a FatalError', () => {
    expect(delays({ attempts: 5 }, new FatalError('never'), 2)).toEqual([undefined, undefined]);
  });

  // Nest hands on the object of an RpcException, not the exception
  it.each<[string, (error: RpcException) => unknown]>([
    ['the exception', (error) => error],
    ['its object', (error) => error.getError()],
  ])('is known from %s', (_, seen) => {
    expect(delays(undefined, seen(new RetriableError({ code: 1 }, { delayMs: 7 })), 1)).toEqual([7]);
    expect(delays({ attempts: 5 }, seen(new FatalError('never')), 1)).toEqual([undefined]);
  });

  it.each([undefined, null, 'text', 1])('takes %p for an error like others', (error) => {
    expect(delays({ attempts: 2, delayMs: 1, jitter: 0 }, error, 2)).toEqual([1, undefined]);
  });
});
