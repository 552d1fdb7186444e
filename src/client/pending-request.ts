import { AsyncResource } from 'node:async_hooks';
import type { Unsubscribable } from 'rxjs';
import type { RequestTrace } from '../diagnostics/request-trace.js';
import type { Reply } from '../message/reply.js';

/**
 * What waits for replies. It is what its subscription is torn down with, and the asynchronous context of who waits, too: ten thousand of
 * them should be small.
 */
export abstract class PendingRequest extends AsyncResource implements Unsubscribable {
  /** Given with the first use. */
  id = '';
  /** On the clock of {@link PendingRequests}. */
  expiresAt = 0;
  /** Whether responders may know of it. */
  sent = false;
  /** Called with its id when nobody waits for it any more. */
  onAbandoned: ((id: string) => void) | undefined;
  /** Who is told what becomes of it, if anybody listens. */
  declare trace?: RequestTrace;

  /** @param timeoutMs 0 for ever */
  constructor(
    readonly topic: string,
    readonly timeoutMs: number,
  ) {
    super('MqttRequest');
  }

  /** Several responders may answer: the time is for all of them, and whoever still works at the end does so in vain. */
  abstract get many(): boolean;

  unsubscribe(): void {
    this.onAbandoned?.(this.id);
  }

  /** Called once for each reply, before it is taken: whether it is the last one to wait for. */
  abstract endsWith(reply: Reply, responder: string | undefined): boolean;
  abstract take(reply: Reply, isLast: boolean, responder: string | undefined): void;
  abstract fail(error: unknown): void;
  /** No reply has come for `timeoutMs`. */
  abstract expire(): void;
}
