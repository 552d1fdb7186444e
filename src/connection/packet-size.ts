import { generate } from 'mqtt-packet';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { presentProperties } from './present-properties.js';

/** The Remaining Length takes one byte to four: section 2.1.4. */
const MAX_LENGTH_GROWTH = 3;

/** Why a broker with a Maximum Packet Size would close the connection over a message [MQTT-3.2.2-15]. */
export function packetSizeProblem(
  maximum: number,
  protocolVersion: number | undefined,
  topic: string,
  payload: string | Uint8Array,
  options: MqttRecordOptions,
): string | undefined {
  if (packetSizeAtMost(protocolVersion, topic, payload, options) <= maximum) return undefined;
  const size = packetSize(protocolVersion, topic, payload, options);
  if (size <= maximum) return undefined;
  return `its ${size} bytes are more than the broker's Maximum Packet Size of ${maximum}`;
}

/** Without a copy of the payload. */
export function packetSizeAtMost(
  protocolVersion: number | undefined,
  topic: string,
  payload: string | Uint8Array,
  options: MqttRecordOptions,
): number {
  return packetSize(protocolVersion, topic, '', options) + Buffer.byteLength(payload) + MAX_LENGTH_GROWTH;
}

function packetSize(
  protocolVersion: number | undefined,
  topic: string,
  payload: string | Uint8Array,
  { qos = 0, properties }: MqttRecordOptions,
): number {
  const flags = { qos, dup: false, retain: false, messageId: 1 };
  const packet = { cmd: 'publish', topic, payload: payload as Buffer, ...flags } as const;
  const present = presentProperties(properties);
  const given = present === undefined ? packet : { ...packet, properties: present };
  return generate(given, { protocolVersion: protocolVersion ?? 4 }).length;
}
