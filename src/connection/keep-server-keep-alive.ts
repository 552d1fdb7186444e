import type { MqttClient } from 'mqtt';

/**
 * Takes the Server Keep Alive of a CONNACK also where the client asked for none: MQTT.js 5.16 does not, and the broker
 * would close the connection [MQTT-3.2.2-21].
 */
export function keepServerKeepAlive(client: MqttClient): void {
  const asked = client.options.keepalive;
  if (asked !== 0) return;
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'connack') client.options.keepalive = packet.properties?.serverKeepAlive ?? asked;
  });
  client.on('close', () => (client.options.keepalive = asked));
}
