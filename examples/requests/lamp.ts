import { connectAsync, type MqttClient } from 'mqtt';

/** A device that answers requests as MQTT 5 means them: to the Response Topic, with the Correlation Data. */
export async function connectLamp(url: string, lamp: string): Promise<MqttClient> {
  const client = await connectAsync(url, { protocolVersion: 5 });
  client.on('message', (_, payload, { properties }) => {
    const { responseTopic, correlationData } = properties ?? {};
    if (responseTopic === undefined || correlationData === undefined) return;
    client.publish(responseTopic, `${lamp} is ${payload.toString()}`, { properties: { correlationData } });
  });
  await client.subscribeAsync(`lamps/${lamp}/switch`);
  return client;
}
