import type { MqttContext } from '../message/mqtt-context.js';
import type { ConnectionIdentity } from './connection-identity.js';

/**
 * How a run of a handler ended: `handled`, also where a requester was told of the failure that it is; `failed`; `undecodable`, and
 * not run; `expired`, `cancelled` or `left` to another process, of a request that nobody here waits for any more and that was not run, has
 * failed, or is a stream; `unanswered`, of a
 * request that got no answer, or none but "Internal server error"; `unanswerable`, and not run, of one without a valid place for it.
 */
export type HandleOutcome =
  'handled' | 'failed' | 'undecodable' | 'expired' | 'cancelled' | 'left' | 'unanswered' | 'unanswerable';

/** What is known of a run before it begins. */
export interface HandleFacts {
  readonly connection: ConnectionIdentity;
  /** The same object for all runs of one handler with one message. */
  readonly delivery: object;
  /** By its name in the log. */
  readonly handler: string;
  /** An event handler, a message handler, or an Observable of a client. */
  readonly kind: 'event' | 'message' | 'stream';
  /** The Topic Filter with its named levels, without `$share/group`: `sites/{site}/reading`. */
  readonly filter: string;
  /** Of a Shared Subscription. */
  readonly shareName: string | undefined;
  /** Where the requester waits, and how it knows its reply: Correlation Data that is no text is in hexadecimal. `undefined` if it is no request. */
  readonly replyTo: { readonly topic: string; readonly id: string | undefined } | undefined;
  /** The message: topic, QoS, properties, `attempt` and the rest. */
  readonly context: MqttContext;
  /** How long the message waited for its first run, in milliseconds; `undefined` of further ones. */
  readonly waitedMs: number | undefined;
}

/**
 * A run of a handler, on the tracing channel `handle`. `start` comes before the payload is decoded, `asyncEnd` when the run has ended and its replies
 * are published; `error` precedes it if there is an error. What follows for the message, such as a further run or a dead letter, comes later.
 */
export interface HandleEvent extends HandleFacts {
  /** Known to `asyncEnd`. */
  outcome: HandleOutcome | undefined;
  /** What the handler failed with, or why the payload does not decode. */
  error: unknown;
  /**
   * In `start`: lets the handler run inside of `wrap`, such as `(next) => storage.run(value, next)`, for whom the stores that
   * are bound to the channel will not do. `wrap` must call `next` at once; one that does not, or throws before, does not keep the handler from running.
   */
  readonly runIn: (wrap: (next: () => void) => void) => void;
}
