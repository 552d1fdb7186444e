import type { QoS } from 'mqtt-packet';
import type { ConnectionIdentity } from './connection-identity.js';

/** What is known of a request before it is sent. */
export interface RequestFacts {
  readonly topic: string;
  readonly qos: QoS;
  /** The Correlation Data, or the `id` of the envelope. */
  readonly id: string;
  /** For the first reply, and each further one; 0 for ever. */
  readonly timeoutMs: number;
  /** Whether several responders may answer: `sendToMany`. */
  readonly many: boolean;
}

/**
 * A request of a client, on the tracing channel `request`, from the time when it is subscribed to. `asyncEnd` comes with its end, before the
 * observer hears of it; `error` precedes that of one that fails.
 */
export interface RequestEvent extends RequestFacts {
  /** Before the first connection without a Client Identifier, and the one of several `servers`; with them at the end. */
  connection: ConnectionIdentity;
  /**
   * What goes with the request, with what Nest's dispatch hook attached: User Properties on MQTT 5, part of the envelope on 3.1.1. `start` may
   * add to it.
   */
  readonly metadata: Record<string, string>;
  /** How many replies with a value have come. */
  replies: number;
  /** How it ended: with its last reply, with an error, or without anybody who waits for it any more. */
  outcome: 'completed' | 'failed' | 'unsubscribed' | undefined;
  /** What the observer is given. */
  error: unknown;
}
