import type { MqttClient } from 'mqtt';

/**
 * Ends a client for good, with a DISCONNECT if it is connected. MQTT.js's own `end()` waits for every
 * acknowledgement, for ever if the broker has gone: here a lost connection or the deadline ends it.
 */
export function endClient(client: MqttClient, timeoutMs: number): Promise<void> {
  if ((client.stream as MqttClient['stream'] | undefined) === undefined) return Promise.resolve(); // never connected
  return new Promise((resolve) => {
    const timer = setTimeout(finish, timeoutMs);
    function finish(): void {
      clearTimeout(timer);
      client.off('close', finish);
      client.stream.destroy();
      resolve();
    }
    client.once('close', finish);
    forgetSubscriptions(client);
    client.end(!client.connected, {}, finish);
  });
}

/** A SUBSCRIBE that is not answered need not be waited for; MQTT.js does. */
function forgetSubscriptions({ outgoing }: MqttClient): void {
  for (const [messageId, { volatile, cb }] of Object.entries(outgoing)) {
    if (!volatile) continue;
    Reflect.deleteProperty(outgoing, messageId);
    cb(new Error('Connection closed'));
  }
}
