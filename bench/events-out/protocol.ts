import type { QoS } from 'mqtt-packet';
import type { EventCost } from '../support/event-results.js';

/** MQTT.js alone; a client proxy by itself; or one that a Nest application injects, beside its handlers. */
export type PublisherKind = 'MQTT.js' | 'client' | 'application' | 'built-in client' | 'built-in application';

export interface PublisherSettings {
  readonly kind: PublisherKind;
  readonly url: string;
  readonly protocolVersion: 4 | 5;
  /** The first two levels of its topics. */
  readonly prefix: string;
  /** How many handlers the application has, with a wildcard each. */
  readonly otherHandlers: number;
}

/** Sent to a publisher: publish so many events at once. */
export interface BurstRequest {
  readonly burst: number;
  readonly qos: QoS;
}

/** Sent by a publisher. */
export type PublisherReport =
  | { readonly kind: 'ready' }
  /** What can be written without an answer is written. */
  | { readonly kind: 'written' }
  /** All is written (QoS 0) or acknowledged: what all of it took. */
  | ({ readonly kind: 'done' } & EventCost);
