import type { QoS } from 'mqtt-packet';
import type { Codec } from '../codec/codec.js';

/**
 * How a handler subscribes and reads its messages: on a handler, and on the server as the default of all handlers.
 * Handlers with the same Topic Filter share one subscription, with the highest QoS that one of them asks for.
 */
export interface MqttHandlerOptions {
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
  /**
   * The ShareName of a Shared Subscription: the broker gives each message to one member of the group. `false` opts
   * out of the server's default. A `$share/group/` in the pattern takes precedence over both.
   */
  readonly shared?: string | false | undefined;
  /** How payloads, and the replies to MQTT 5 requests, are read and written. Default `autoCodec`. */
  readonly codec?: Codec | undefined;
}
