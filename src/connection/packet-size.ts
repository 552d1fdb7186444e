import type { MqttClient } from 'mqtt';
import { generate } from 'mqtt-packet';
import type { MqttRecordOptions } from '../message/mqtt-record.js';

/** The Remaining Length takes one byte to four: section 2.1.4. */
const MAX_LENGTH_GROWTH = 3;

/** Why a broker that announces a Maximum Packet Size would close the connection over a message [MQTT-3.2.2-15]. */
export function packetSizeProblem(
  { serverProperties }: MqttClient,
  topic: string,
  payload: string | Uint8Array,
  options: MqttRecordOptions,
): string | undefined {
  const maximum = serverProperties?.maximumPacketSize;
  if (maximum === undefined) return undefined;
  const atMost = packetSize(topic, '', options) + Buffer.byteLength(payload) + MAX_LENGTH_GROWTH;
  if (atMost <= maximum) return undefined;
  const size = packetSize(topic, payload, options);
  if (size <= maximum) return undefined;
  return `its ${size} bytes are more than the broker's Maximum Packet Size of ${maximum}`;
}

function packetSize(
  topic: string,
  payload: string | Uint8Array,
  { qos = 0, properties = {} }: MqttRecordOptions,
): number {
  const given = Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
  const flags = { qos, dup: false, retain: false, messageId: 1 };
  const packet = { cmd: 'publish', topic, payload: payload as Buffer, properties: given, ...flags } as const;
  return generate(packet, { protocolVersion: 5 }).length;
}
