import { generate } from 'mqtt-packet';
import type { MqttRecordOptions } from '../../message/mqtt-record.js';
import { presentProperties } from '../present-properties.js';

/** The Remaining Length takes one byte to four: section 2.1.4. */
const MAX_LENGTH_GROWTH = 3;
const MAX_PACKET_SIZE = 1 + 4 + 268_435_455;
/** Characters or bytes up to which a payload need not be measured: there is room for long properties, too. */
const SMALL_PAYLOAD = 2 ** 26;

/** Why there is no such packet, or a broker with a Maximum Packet Size would close the connection over it [MQTT-3.2.2-15]. */
export function packetSizeProblem(
  maximum: number,
  protocolVersion: number | undefined,
  topic: string,
  payload: string | Uint8Array,
  options: MqttRecordOptions,
): string | undefined {
  if (maximum === Infinity && payload.length <= SMALL_PAYLOAD) return undefined;
  const atMost = packetSizeAtMost(protocolVersion, topic, payload, options);
  if (atMost > MAX_PACKET_SIZE)
    return `its ${atMost} bytes are more than the ${MAX_PACKET_SIZE} that MQTT has room for`;
  if (atMost <= maximum) return undefined;
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
