import type { PublishPacket } from 'aedes';
import type { QoS } from 'mqtt-packet';
import { autoCodec, type PublishProperties } from '../index.js';

/** A PUBLISH as a client sent it. */
export interface PublishedMessage<TData = unknown> {
  /** The Topic Name. */
  readonly topic: string;
  /** As it was sent. */
  readonly payload: Buffer;
  /** The payload as `autoCodec` reads it; a `Buffer` if it is not what its Content Type says. */
  readonly data: TData;
  /** The QoS that it was published with. */
  readonly qos: QoS;
  /** Whether the broker is to keep it. */
  readonly retain: boolean;
  /** The Client Identifier of the publisher. */
  readonly clientId: string | undefined;
  /** Empty on MQTT 3.1.1. */
  readonly properties: PublishProperties;
}

const SHOWN_CHARACTERS = 80;

/** A copy: the packet is the broker's. */
export function toPublishedMessage(packet: PublishPacket, clientId: string | undefined): PublishedMessage {
  const { topic, qos, retain } = packet;
  const payload = Buffer.from(packet.payload as Buffer);
  const properties: PublishProperties = { ...packet.properties };
  return { topic, payload, data: decode(payload, properties), qos, retain, clientId, properties };
}

/** One line for the message of an error. */
export function describePublished({ topic, payload, qos, retain, clientId }: PublishedMessage): string {
  const text = payload.toString('utf8');
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return `"${topic}" ${shown} (QoS ${qos}${retain ? ', retained' : ''}, from ${clientId})`;
}

function decode(payload: Buffer, properties: PublishProperties): unknown {
  try {
    return autoCodec.decode(payload, properties);
  } catch {
    return payload;
  }
}
