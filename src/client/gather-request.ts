import type { Subscriber } from 'rxjs';
import { MqttTransportError, RemoteError } from '../errors.js';
import type { Reply } from '../message/reply.js';
import type { PendingRequest } from './pending-requests.js';

/**
 * What one of several responders answered: a value, or why there is none, which is a {@link RemoteError} if its handler
 * failed. `responder` is its Client Identifier; a peer that is not ours may not say.
 */
export type ResponderReply<T = unknown> =
  | { readonly responder: string | undefined; readonly value: T; readonly error?: undefined }
  | {
      readonly responder: string | undefined;
      readonly error: MqttTransportError;
      readonly value?: undefined;
    };

/** What `sendToMany` waits for: the replies of all responders. */
export class GatherRequest implements PendingRequest {
  readonly many = true;
  readonly #max: number;
  readonly #subscriber: Subscriber<ResponderReply>;
  #done = 0;

  /** @param max how many responders to wait for to the end of their replies */
  constructor(
    readonly timeoutMs: number,
    max: number,
    subscriber: Subscriber<ResponderReply>,
  ) {
    this.#max = max;
    this.#subscriber = subscriber;
  }

  endsWith(reply: Reply): boolean {
    if (reply.kind !== 'value' || reply.last) this.#done++;
    return this.#done >= this.#max;
  }

  take(reply: Reply, isLast: boolean, responder: string | undefined): void {
    if (reply.kind === 'value') this.#subscriber.next({ responder, value: reply.value });
    if (reply.kind === 'error') this.#subscriber.next({ responder, error: toError(reply.error) });
    if (isLast) this.#subscriber.complete();
  }

  fail(error: unknown): void {
    this.#subscriber.error(error);
  }

  expire(): void {
    this.#subscriber.complete();
  }
}

/** A reply that cannot be read has an error of this side. */
function toError(error: unknown): MqttTransportError {
  return error instanceof MqttTransportError ? error : new RemoteError(error);
}
