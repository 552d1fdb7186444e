import { RpcException } from '@nestjs/microservices';

/** What a handler says about its failure. */
export interface RetryAdvice {
  readonly retriable: boolean;
  readonly delayMs?: number | undefined;
}

/** Nest hands on the object of an RpcException, not the exception: the advice belongs to that object. */
const advices = new WeakMap<object, RetryAdvice>();

/**
 * Thrown by an event handler that would succeed later: it is run again, after `delayMs` if that is given, as often as `retry`
 * says; without `retry`, three times in all.
 */
export class RetriableError extends RpcException {
  /**
   * @param error a message, or an object, which a requester gets as it is
   * @param options `delayMs`: how long to wait before the next run, in milliseconds. Default: as `retry` says
   */
  constructor(error: string | object, { delayMs }: { readonly delayMs?: number | undefined } = {}) {
    super(advised(error, { retriable: true, delayMs }));
  }
}

/** Thrown by an event handler that can never succeed: it is not run again, whatever `retry` says. */
export class FatalError extends RpcException {
  /** @param error a message, or an object, which a requester gets as it is */
  constructor(error: string | object) {
    super(advised(error, { retriable: false }));
  }
}

/** @param error what a handler failed with, as it comes out of Nest's pipeline */
export function adviceOf(error: unknown): RetryAdvice | undefined {
  const subject: unknown = error instanceof RpcException ? error.getError() : error;
  return typeof subject === 'object' && subject !== null ? advices.get(subject) : undefined;
}

function advised(error: string | object, advice: RetryAdvice): object {
  const subject = typeof error === 'string' ? { status: 'error', message: error } : error;
  advices.set(subject, advice);
  return subject;
}
