export type SubscriberKind = 'bare' | 'server' | 'built-in';

/** What a subscriber is started with. */
export interface SubscriberSettings {
  readonly kind: SubscriberKind;
  /** How many handlers it has that no message is for, with a wildcard each. */
  readonly otherHandlers: number;
  /** The first levels of its topics. */
  readonly prefix: string;
  readonly url: string;
  readonly protocolVersion: 4 | 5;
}

/** Sent to a subscriber: count, and measure, from now to the last of so many messages. */
export interface RoundRequest {
  readonly messages: number;
}

/** Sent by a subscriber. */
export type SubscriberReport =
  | { readonly kind: 'ready' }
  /** The {@link PORTION} is handled, and there will be another one. */
  | { readonly kind: 'progress' }
  /** The CPU time of the round, user and system. */
  | { readonly kind: 'done'; readonly cpuMicroseconds: number };

/** How many messages a subscriber finds waiting. */
export const PORTION = 200;
