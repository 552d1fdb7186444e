import type { IClientPublishOptions } from 'mqtt';
import type { IPublishPacket } from 'mqtt-packet';
import type { MqttRecordOptions } from '../../message/mqtt-record.js';
import { presentProperties } from '../present-properties.js';

/** What the broker said of a message that it took. */
export interface PublishReceipt {
  /** Nobody is subscribed to its topic: a broker may say so on MQTT 5, for QoS 1 and 2. */
  readonly noMatchingSubscribers: boolean;
}

/** How a message is published, and whether it outlives the process. */
export interface PublishOptions extends MqttRecordOptions {
  /** Not for the outbox: it says something of this process. */
  readonly transient?: boolean | undefined;
}

/** A message that is to be published, and who waits for what becomes of it. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly options: PublishOptions;
  /** In the outbox, if it waited there. */
  readonly number?: number | undefined;
  readonly resolve: (receipt: PublishReceipt) => void;
  readonly reject: (error: Error) => void;
}

/** The options of a message that has waited: it expires earlier, and Topic Aliases end with a connection. `undefined` if it has expired. */
export function afterWaiting(options: MqttRecordOptions, waitedMs: number): MqttRecordOptions | undefined {
  const { messageExpiryInterval, topicAlias, ...others } = options.properties ?? {};
  if (messageExpiryInterval === undefined && topicAlias === undefined) return options;
  if (messageExpiryInterval === undefined) return { ...options, properties: others };
  const waitedSeconds = Math.max(0, Math.floor(waitedMs / 1000));
  if (waitedSeconds > 0 && waitedSeconds >= messageExpiryInterval) return undefined;
  const remaining = messageExpiryInterval - waitedSeconds;
  return { ...options, properties: { ...others, messageExpiryInterval: remaining } };
}

/** A serializer may give any view of bytes. */
export function toBuffer(payload: Uint8Array | string): Buffer | string {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

export function toMqttJs(given: MqttRecordOptions): IClientPublishOptions {
  const { qos = 0, retain = false, dup = false } = given;
  const properties = presentProperties(given.properties);
  return { qos, retain, dup, ...(properties && { properties }) };
}

/** Without the properties where there are none: MQTT 3.1.1. */
export function toPacket(
  { topic, payload, options }: Pick<OutgoingMessage, 'topic' | 'payload' | 'options'>,
  protocolVersion: number | undefined,
): IPublishPacket {
  const { properties, ...flags } = toMqttJs(options);
  const packet = { cmd: 'publish', topic, payload: toBuffer(payload), ...flags } as IPublishPacket;
  return properties === undefined || protocolVersion !== 5 ? packet : { ...packet, properties };
}
