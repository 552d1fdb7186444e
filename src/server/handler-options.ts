import type { Codec } from '../codec/codec.js';
import type { SubscriptionOptions } from '../connection/subscriptions/subscription-options.js';
import type { MqttContext } from '../message/mqtt-context.js';

/**
 * How a handler subscribes and reads its messages: on a handler, and on the server as the default of all handlers.
 * Handlers with the same Topic Filter share one subscription, with the highest QoS that one of them asks for.
 */
export interface MqttHandlerOptions extends SubscriptionOptions {
  /**
   * The ShareName of a Shared Subscription: the broker gives each message to one member of the group. `false` opts
   * out of the server's default. A `$share/group/` in the pattern takes precedence over both.
   */
  readonly shared?: string | false | undefined;
  /** How payloads, and the replies to MQTT 5 requests, are read and written. Default `autoCodec`. */
  readonly codec?: Codec | undefined;
  /**
   * When the broker is answered for a QoS 1 or QoS 2 message: `after` the handler has ended, on `receipt`, or when the
   * handler calls `acknowledge()`, `reject()` or `withhold()` of its context (`manual`): until then no later message is
   * acknowledged either [MQTT-4.6.0-2]. Where several handlers match, the last one to settle decides when. Default `after`.
   */
  readonly ack?: 'after' | 'receipt' | 'manual' | undefined;
  /**
   * Which messages are handled one after the other: those of the same `topic`, with the same value of a named level
   * (`'{site}'`), or for which a function returns the same key; `none` is handled in parallel. Default `topic` for
   * events, `none` for requests.
   */
  readonly order?: MessageOrder | undefined;
  /** How many messages this handler works on at once. Default: as many as the server. */
  readonly concurrency?: number | undefined;
  /**
   * Answers a request whose Correlation Data and Response Topic have come before with what was answered then, instead of
   * running it again: for requesters that repeat a request until it is answered. Kept in this process. Default: every request is run.
   */
  readonly dedupe?: DedupeOptions | undefined;
  /** How often an event handler that fails is run again, in this process. Default: once, which is not again. */
  readonly retry?: RetryOptions | undefined;
  /**
   * A topic to which an event is published that could not be handled or decoded. It is acknowledged once the broker has
   * acknowledged its dead letter, and withheld if that fails. Default: none, so that `onFailure` holds.
   */
  readonly deadLetter?: string | undefined;
  /**
   * What becomes of an event that could not be handled or decoded and has no `deadLetter`: it is rejected (the broker
   * lets it go; MQTT 5 tells it why), acknowledged, or withheld (a broker that keeps the session delivers it again on the next
   * connection). Default `reject`.
   */
  readonly onFailure?: 'reject' | 'acknowledge' | 'withhold' | undefined;
}

/** What is handled one after the other: see {@link MqttHandlerOptions.order}. */
export type MessageOrder = 'topic' | 'none' | `{${string}}` | ((context: MqttContext) => string | undefined);

/** How long, and how many replies, a handler remembers. */
export interface DedupeOptions {
  /** How long a request is remembered, in milliseconds from its last reply on. Default 60 000. */
  readonly ttlMs?: number | undefined;
  /** How many replies are kept, each value of a stream counted; the longest unused requests go first. Default 1000. */
  readonly max?: number | undefined;
}

/** The n-th repetition comes `delayMs * factor ** (n - 1)` after the failure, and up to `jitter` of it later. */
export interface RetryOptions {
  /** How many runs there are at most; the first one counts too. */
  readonly attempts: number;
  /** How long to wait before the second run, in milliseconds. Default 1000. */
  readonly delayMs?: number | undefined;
  /** How much longer each further delay is. Default 2. */
  readonly factor?: number | undefined;
  /** A fraction: 0.1 makes each delay up to a tenth longer, at random. Default 0.1. */
  readonly jitter?: number | undefined;
}
