import { channel } from 'node:diagnostics_channel';
import type { QoS } from 'mqtt-packet';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';
import type { TypedChannel } from './typed-channel.js';

/**
 * A message that nobody will have any more was dropped before its handler ran: QoS 0 because more wait than `maxQueued`, or any that was
 * acknowledged already because the server closes.
 */
export interface DropEvent {
  readonly connection: ConnectionIdentity;
  readonly topic: string;
  readonly qos: QoS;
  /** By its name in the log. */
  readonly handler: string;
  /** Its Topic Filter with its named levels, without `$share/group`. */
  readonly filter: string;
}

export const drops: TypedChannel<DropEvent> = channel(mqttChannels.drop);
