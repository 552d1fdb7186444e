import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import type { BrokerAddress } from '../broker.js';

/** The devices are plain MQTT.js clients: they know nothing of Nest. */
export async function connectDevice(
  { url, protocolVersion }: BrokerAddress,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const client = await connectAsync(url, { protocolVersion, reconnectPeriod: 0, ...options }, false);
  client.on('error', (error) => console.error(`A device lost its connection: ${error.message}`));
  return client;
}
