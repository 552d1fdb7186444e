import type { MqttClient } from 'mqtt';

/**
 * Nest's own calls back when it is connected, with its SUBSCRIBEs on their way: resolves when the broker has answered the last of
 * them. (One more would overtake those that wait in MQTT.js's queue.)
 */
export async function subscribed(client: MqttClient): Promise<void> {
  let unanswered = Object.keys(client.outgoing).length;
  if (unanswered === 0) return;
  await new Promise<void>((resolve) => {
    client.on('packetreceive', function onPacket({ cmd }) {
      if (cmd !== 'suback' || --unanswered > 0) return;
      client.off('packetreceive', onPacket);
      resolve();
    });
  });
}
