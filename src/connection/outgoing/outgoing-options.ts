import { inspect } from 'node:util';
import type { QoS } from 'mqtt-packet';
import { ConfigurationError } from '../../errors.js';

/** How messages leave, and what becomes of those that cannot yet: docs/publishing.md. */
export interface OutgoingOptions {
  /**
   * What the broker takes, if it does not say so by itself: MQTT 3.1.1 brokers cannot. The lower of told and announced holds. Default: what
   * is announced.
   */
  readonly limits?: BrokerLimits | undefined;
  /**
   * What becomes of a message with a higher QoS than the broker takes: `reject` fails it with a {@link PublishError}, `downgrade`
   * sends it with the broker's. Default `reject`.
   */
  readonly maxQos?: 'reject' | 'downgrade' | undefined;
  /**
   * How much may wait to be sent: while there is no connection, or for the acknowledgements of what was sent before. Default:
   * 10 000 messages and 16 MB.
   */
  readonly offline?: OfflineOptions | undefined;
  /**
   * Keeps QoS 1 and QoS 2 messages on disk until the broker has acknowledged them, so that they are sent after a crash. Needs the package
   * `classic-level`. Default: memory only.
   */
  readonly outbox?: OutboxOptions | undefined;
  /**
   * When a QoS 1 or QoS 2 message is given up over which the broker closes the connection: after so many connections in a row on
   * which it was sent again, and was the last thing that the broker saw. The one on which it was sent first does not
   * count, for others may be to blame. It fails with a {@link PublishError}. Default 3; `Infinity` for never, and nothing else is sent then.
   */
  readonly maxPublishAttempts?: number | undefined;
}

/** How much may wait to be sent, and what fails with a {@link QueueFullError} when it is more. */
export interface OfflineOptions {
  /** How many messages. Default 10 000; 0 fails what cannot be sent at once. */
  readonly maxMessages?: number | undefined;
  /** How many bytes their PUBLISH packets have together. Default 16 777 216 (16 MB). */
  readonly maxBytes?: number | undefined;
  /** `reject` fails the new message, `drop-oldest` those that have waited longest. Default `reject`. */
  readonly overflow?: 'reject' | 'drop-oldest' | undefined;
}

/** Where messages are kept on disk. */
export interface OutboxOptions {
  /** A folder of this connection alone; it is made if it is missing. */
  readonly path: string;
  /** Whether a message is sent only when the disk has it, so that it survives a loss of power too. Default `false`. */
  readonly sync?: boolean | undefined;
}

/** What a broker takes. MQTT 5 brokers announce the first four by themselves. None has a default of its own. */
export interface BrokerLimits {
  /** The highest QoS of a message. */
  readonly maxQos?: QoS | undefined;
  /** How many QoS 1 and QoS 2 messages may be unacknowledged at once, 1 to 65 535: the others wait for their turn. */
  readonly receiveMaximum?: number | undefined;
  /** How large the PUBLISH of a message may be, in bytes, its topic and properties included. */
  readonly maxPacketSize?: number | undefined;
  /** `false` if it does not take messages with the RETAIN flag. */
  readonly retainAvailable?: boolean | undefined;
  /** How many Topic Filters a SUBSCRIBE or UNSUBSCRIBE may have. */
  readonly subscriptionsPerPacket?: number | undefined;
  /** How many levels a topic may have, which is one more than slashes. `$share/group/` and `$aws/rules/name/` do not count. */
  readonly topicLevels?: number | undefined;
  /** How long a topic may be, in bytes of UTF-8, likewise. */
  readonly topicLength?: number | undefined;
}

const MAX_RECEIVE_MAXIMUM = 65_535;

/** @throws {ConfigurationError} */
export function checkOutgoingOptions(options: OutgoingOptions & { readonly outgoingStore?: unknown }): void {
  const { limits = {}, maxQos, offline = {}, maxPublishAttempts, outbox } = options;
  if (outbox !== undefined && !outbox.path)
    throw new ConfigurationError('outbox.path must be the path of a folder');
  if (outbox !== undefined && options.outgoingStore != null)
    throw new ConfigurationError('An outbox leaves no place for an outgoingStore');
  for (const name of COUNTS) check(`limits.${name}`, limits[name], 1);
  check('limits.maxQos', limits.maxQos, 0, 2);
  check('limits.receiveMaximum', limits.receiveMaximum, 1, MAX_RECEIVE_MAXIMUM);
  check('offline.maxMessages', offline.maxMessages, 0);
  check('offline.maxBytes', offline.maxBytes, 0);
  check('maxPublishAttempts', maxPublishAttempts, 1);
  checkOneOf('offline.overflow', offline.overflow, ['reject', 'drop-oldest']);
  checkOneOf('maxQos', maxQos, ['reject', 'downgrade']);
}

const COUNTS = ['maxPacketSize', 'subscriptionsPerPacket', 'topicLevels', 'topicLength'] as const;

function check(name: string, value: unknown, from: number, to?: number): void {
  if (value === undefined || (to === undefined && value === Infinity)) return;
  if (Number.isInteger(value) && Number(value) >= from && Number(value) <= (to ?? Infinity)) return;
  const range = to === undefined ? `of ${from} or more` : `from ${from} to ${to}`;
  throw new ConfigurationError(`${name} must be an integer ${range}, not ${describe(value)}`);
}

function checkOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.some((choice) => choice === value)) return;
  const named = choices.map((choice) => `'${choice}'`).join(' or ');
  throw new ConfigurationError(`${name} must be ${named}, not ${describe(value)}`);
}

function describe(value: unknown): string {
  return inspect(value, { depth: 0 });
}
