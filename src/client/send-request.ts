import type { Observer } from 'rxjs';
import { RequestTimeoutError } from '../errors.js';
import { isFinal, type Reply } from '../message/reply.js';
import { PendingRequest } from './pending-request.js';

/** What a client makes of replies: Nest's hooks. */
export interface ReplyConversion {
  toResponse(value: unknown): unknown;
  toError(error: unknown): unknown;
}

/** What `send` waits for: the replies of one responder. */
export class SendRequest extends PendingRequest {
  readonly #observer: Observer<unknown>;
  readonly #conversion: ReplyConversion;

  constructor(topic: string, timeoutMs: number, observer: Observer<unknown>, conversion: ReplyConversion) {
    super(topic, timeoutMs);
    this.#observer = observer;
    this.#conversion = conversion;
  }

  get many(): boolean {
    return false;
  }

  endsWith(reply: Reply): boolean {
    return isFinal(reply);
  }

  take(reply: Reply, isLast: boolean): void {
    if (reply.kind === 'error') {
      this.fail(reply.error);
      return;
    }
    const isValue = reply.kind === 'value';
    const response = isValue ? this.#conversion.toResponse(reply.value) : undefined;
    if (isValue) this.trace?.noteReply();
    if (isLast) this.trace?.end('completed');
    if (isValue) this.#observer.next(response);
    if (isLast) this.#observer.complete();
  }

  fail(error: unknown): void {
    const converted = this.#conversion.toError(error);
    this.trace?.end('failed', converted);
    this.#observer.error(converted);
  }

  expire(): void {
    this.fail(new RequestTimeoutError(this.topic, this.timeoutMs));
  }
}
