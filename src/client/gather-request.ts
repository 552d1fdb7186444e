import type { Observer } from 'rxjs';
import type { MqttTransportError } from '../errors.js';
import { isFinal, type Reply } from '../message/reply.js';
import { PendingRequest } from './pending-request.js';
import { toRequestError } from './to-request-error.js';

/**
 * What one of several responders answered: a value, or why there is none, which is a {@link RemoteError} if its handler
 * failed. `responder` is its `responderName`, by default its Client Identifier; a peer that is not ours may not say.
 */
export type ResponderReply<T = unknown> =
  | { readonly responder: string | undefined; readonly value: T; readonly error?: undefined }
  | {
      readonly responder: string | undefined;
      readonly error: MqttTransportError;
      readonly value?: undefined;
    };

/** What `sendToMany` waits for: the replies of all responders. */
export class GatherRequest extends PendingRequest {
  readonly #max: number;
  readonly #observer: Observer<ResponderReply>;
  /** Those who have sent a value. */
  readonly #heard = new Set<string | undefined>();
  /** Those who have ended; one that does not say who it is counts each time. */
  readonly #done = new Set<string | symbol>();

  /** @param max how many responders to wait for to the end of their replies */
  constructor(topic: string, timeoutMs: number, max: number, observer: Observer<ResponderReply>) {
    super(topic, timeoutMs);
    this.#max = max;
    this.#observer = observer;
  }

  get many(): boolean {
    return true;
  }

  endsWith(reply: Reply, responder: string | undefined): boolean {
    if (isFinal(reply)) this.#done.add(responder ?? Symbol('unknown'));
    return this.#done.size >= this.#max;
  }

  /** A handler that returns nothing has answered as well. */
  take(reply: Reply, isLast: boolean, responder: string | undefined): void {
    if (reply.kind !== 'end') this.trace?.noteReply();
    if (isLast) this.trace?.end('completed');
    if (reply.kind === 'error') this.#observer.next({ responder, error: toRequestError(reply.error) });
    else if (reply.kind === 'value') this.#observer.next({ responder, value: reply.value });
    else if (!this.#heard.has(responder)) this.#observer.next({ responder, value: undefined });
    if (reply.kind === 'value') this.#heard.add(responder);
    if (isLast) this.#observer.complete();
  }

  fail(error: unknown): void {
    this.trace?.end('failed', error);
    this.#observer.error(error);
  }

  expire(): void {
    this.trace?.end('completed');
    this.#observer.complete();
  }
}
