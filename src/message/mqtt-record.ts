import { MqttRecord as NestMqttRecord } from '@nestjs/microservices';
import type { IPublishPacket, QoS } from 'mqtt-packet';
import { isUserProperties } from './user-properties.js';

/**
 * The properties of a PUBLISH, MQTT 5 only: on a 3.1.1 connection they are left out.
 * @see https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901109
 */
export type PublishProperties = NonNullable<IPublishPacket['properties']>;

/** How a message is published. */
export interface MqttRecordOptions {
  /** How often the message may arrive: 0 at most once, 1 at least once, 2 exactly once. Default 0. */
  readonly qos?: QoS | undefined;
  /** Whether the broker keeps the message for later subscribers. Default `false`. */
  readonly retain?: boolean | undefined;
  /** The DUP flag. The protocol sets it on what is sent again; there is hardly ever a reason to. Default `false`. */
  readonly dup?: boolean | undefined;
  /** Those of MQTT 5: Content Type, Message Expiry Interval in seconds, User Properties and the rest. Default: the codec's. */
  readonly properties?: PublishProperties | undefined;
  /**
   * For `send`: how long to wait for the first reply and, in a stream, for each further one, in milliseconds; 0 for
   * ever. Default: the client's.
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * Data with the options of its message, for `emit`, `send`, and as the result of a handler. Immutable. Nest's own
 * `MqttRecord` is accepted wherever this one is.
 */
export class MqttRecord<TData = unknown> extends NestMqttRecord<TData> {
  /** @param data what the message carries, encoded by the codec of whoever publishes it */
  constructor(data: TData, options: MqttRecordOptions = {}) {
    super(data, copyOf(options));
    Object.freeze(this);
  }
}

/** What is to be published: the data, and the options if it came in a record. */
export function unwrapRecord(value: unknown): { data: unknown; options: MqttRecordOptions } {
  if (!(value instanceof NestMqttRecord)) return { data: value, options: {} };
  return { data: value.data as unknown, options: (value.options as MqttRecordOptions | undefined) ?? {} };
}

function copyOf(options: MqttRecordOptions): NestMqttRecord['options'] {
  const properties = options.properties && freezeProperties(options.properties);
  return Object.freeze({ ...options, ...(properties && { properties }) }) as NestMqttRecord['options'];
}

function freezeProperties({ userProperties, ...others }: PublishProperties): Readonly<PublishProperties> {
  if (userProperties === undefined) return Object.freeze(others);
  if (!isUserProperties(userProperties)) return Object.freeze({ ...others, userProperties });
  const entries = Object.entries(userProperties).map(([name, value]) => [
    name,
    Array.isArray(value) ? Object.freeze([...value]) : value,
  ]);
  return Object.freeze({
    ...others,
    userProperties: Object.freeze(Object.fromEntries(entries)) as Record<string, string | string[]>,
  });
}
