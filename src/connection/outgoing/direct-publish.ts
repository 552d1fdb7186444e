import type { MqttClient } from 'mqtt';
import { generate, type IPublishPacket } from 'mqtt-packet';
import type { MqttRecordOptions } from '../../message/mqtt-record.js';
import { toBuffer } from './outgoing-message.js';
import { presentProperties } from '../present-properties.js';

/** Whether a message can be written without MQTT.js: QoS 0, on a connection, and without a Topic Alias of MQTT.js's choice. */
export function isDirect(client: MqttClient, { qos, properties }: MqttRecordOptions): boolean {
  const { connected, disconnecting, options } = client;
  if (qos || !connected || disconnecting) return false;
  return properties?.topicAlias === undefined && !options.autoUseTopicAlias && !options.autoAssignTopicAlias;
}

/**
 * Writes a QoS 0 message in one piece: MQTT.js writes each of its dozen fields by itself, which costs more than all else that a
 * message takes. Whether the system has room for more.
 */
export function writeDirectly(
  client: MqttClient,
  topic: string,
  payload: Buffer | string,
  { retain = false, dup = false, properties: given }: MqttRecordOptions,
): boolean {
  const { options, stream } = client;
  const properties = presentProperties(given);
  const packet: IPublishPacket = { cmd: 'publish', topic, payload: toBuffer(payload), qos: 0, retain, dup };
  if (properties !== undefined) packet.properties = properties;
  const bytes = generate(packet, { protocolVersion: options.protocolVersion ?? 4 });
  stream.cork();
  const hasRoom = stream.write(bytes);
  process.nextTick(() => stream.uncork()); // what is published in this turn goes out together
  client.emit('packetsend', packet);
  return hasRoom;
}
