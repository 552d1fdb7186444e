import { channel } from 'node:diagnostics_channel';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';
import type { TypedChannel } from './typed-channel.js';

/** The dead letter of an event was published, or could not be. */
export interface DeadLetterEvent {
  readonly connection: ConnectionIdentity;
  /** The Topic Name of the event. */
  readonly topic: string;
  readonly deadLetterTopic: string;
  /** By its name in the log. */
  readonly handler: string;
  /** Its Topic Filter with its named levels, without `$share/group`. */
  readonly filter: string;
  /** How often it was tried, also where the payload does not decode; 0 if the key of its order failed. */
  readonly attempts: number;
  /** Why the event could not be handled. */
  readonly reason: unknown;
  /** Why the dead letter could not be published; the event is withheld then. */
  readonly error: unknown;
}

export const deadLetters: TypedChannel<DeadLetterEvent> = channel(mqttChannels.deadLetter);
