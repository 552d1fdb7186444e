import type { QoS } from 'mqtt-packet';

/** Sent to a subscriber: from now on it takes so many messages, in bursts. */
export interface RoundRequest {
  readonly bursts: number;
  readonly burst: number;
  readonly qos: QoS;
}

/** Sent by a subscriber. */
export type SubscriberReport =
  /** It listens, or knows of the round. */
  | { readonly kind: 'ready' }
  /** A burst is handled and acknowledged, and there will be another one. */
  | { readonly kind: 'progress' }
  /** The CPU time of the round, user and system. */
  | { readonly kind: 'done'; readonly cpuMicroseconds: number };
