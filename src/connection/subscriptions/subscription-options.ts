import type { QoS } from 'mqtt-packet';
import { ConfigurationError } from '../../errors.js';
import type { TopicFilter } from '../../topic/topic-filter.js';
import type { SubscriptionRequest } from './subscribe.js';

/** How to subscribe. */
export interface SubscriptionOptions {
  /** The highest QoS at which the broker may deliver. Default 0. */
  readonly qos?: QoS | undefined;
  /** Not what this connection itself published (MQTT 5). Default `false`; cannot be had on a Shared Subscription. */
  readonly noLocal?: boolean | undefined;
  /** Keep the RETAIN flag as it was published (MQTT 5). Default `false`: it is set on retained messages only. */
  readonly retainAsPublished?: boolean | undefined;
  /**
   * When the broker sends retained messages (MQTT 5): 0 at each subscribe, 1 if the subscription is new, 2 never.
   * Default 0.
   */
  readonly retainHandling?: 0 | 1 | 2 | undefined;
}

/** @throws {ConfigurationError} */
export function toSubscriptionRequest(
  filter: TopicFilter,
  { qos = 0, noLocal, retainAsPublished = false, retainHandling = 0 }: SubscriptionOptions,
): SubscriptionRequest {
  const isShared = filter.shareName !== undefined;
  return {
    filter: filter.subscription,
    qos: oneOf012('qos', qos),
    noLocal: !isShared && (noLocal ?? false),
    retainAsPublished,
    retainHandling: oneOf012('retainHandling', retainHandling),
  };
}

function oneOf012(option: string, value: number): 0 | 1 | 2 {
  if (value === 0 || value === 1 || value === 2) return value;
  throw new ConfigurationError(`${option} must be 0, 1 or 2, not ${JSON.stringify(value)}`);
}
