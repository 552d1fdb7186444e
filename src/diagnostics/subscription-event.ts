import { channel } from 'node:diagnostics_channel';
import type { QoS } from 'mqtt-packet';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';
import type { TypedChannel } from './typed-channel.js';

/** What the broker says to a subscription, each time it is asked for. */
export interface SubscriptionEvent {
  readonly connection: ConnectionIdentity;
  /** As in the SUBSCRIBE, with `$share/group` if it is shared. */
  readonly filter: string;
  readonly requestedQos: QoS;
  /** The granted one, which may be lower; `undefined` if it is refused. */
  readonly qos: QoS | undefined;
  /** Why it is refused; `undefined` if the broker did not answer. */
  readonly reasonCode: number | undefined;
}

export const subscriptionAnswers: TypedChannel<SubscriptionEvent> = channel(mqttChannels.subscription);
