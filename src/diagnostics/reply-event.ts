import { channel } from 'node:diagnostics_channel';
import type { QoS } from 'mqtt-packet';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';
import type { TypedChannel } from './typed-channel.js';

/** What became of a reply of a server: of a stream, each value is one. Without an `error`, the broker has taken it. */
export interface ReplyEvent {
  readonly connection: ConnectionIdentity;
  /** Where the requester waits for it. */
  readonly topic: string;
  readonly qos: QoS;
  readonly error: unknown;
}

export const replies: TypedChannel<ReplyEvent> = channel(mqttChannels.reply);
