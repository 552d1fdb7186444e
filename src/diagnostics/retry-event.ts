import { channel } from 'node:diagnostics_channel';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';
import type { TypedChannel } from './typed-channel.js';

/** A handler failed, and will be run again, unless the server closes before that. */
export interface RetryEvent {
  readonly connection: ConnectionIdentity;
  readonly topic: string;
  /** By its name in the log. */
  readonly handler: string;
  /** Its Topic Filter with its named levels, without `$share/group`. */
  readonly filter: string;
  /** How often it has been run. */
  readonly attempts: number;
  /** When, from now on. */
  readonly delayMs: number;
  readonly error: unknown;
}

export const retries: TypedChannel<RetryEvent> = channel(mqttChannels.retry);
