import type { Observer } from 'rxjs';
import { RequestTimeoutError } from '../errors.js';
import type { Reply } from '../message/reply.js';
import { PendingRequest } from './pending-request.js';

/** What a client makes of replies: Nest's hooks. */
export interface ReplyConversion {
  toResponse(value: unknown): unknown;
  toError(error: unknown): unknown;
}

/** What `send` waits for: the replies of one responder. */
export class SendRequest extends PendingRequest {
  readonly many = false;
  readonly #observer: Observer<unknown>;
  readonly #conversion: ReplyConversion;

  constructor(topic: string, timeoutMs: number, observer: Observer<unknown>, conversion: ReplyConversion) {
    super(topic, timeoutMs);
    this.#observer = observer;
    this.#conversion = conversion;
  }

  endsWith(reply: Reply): boolean {
    return reply.kind !== 'value' || reply.last;
  }

  take(reply: Reply, isLast: boolean): void {
    if (reply.kind === 'error') {
      this.fail(reply.error);
      return;
    }
    if (reply.kind === 'value') this.#observer.next(this.#conversion.toResponse(reply.value));
    if (isLast) this.#observer.complete();
  }

  fail(error: unknown): void {
    this.#observer.error(this.#conversion.toError(error));
  }

  expire(): void {
    this.fail(new RequestTimeoutError(this.topic, this.timeoutMs));
  }
}
