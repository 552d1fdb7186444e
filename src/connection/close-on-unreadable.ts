import type { MqttClient } from 'mqtt';
import { breaksConnection } from './failure.js';

/** Passes errors on, and closes the connection after one that breaks it; what else is wrong with the same packet is not told. */
export function closeOnUnreadable(
  client: MqttClient,
  onError: (error: Error) => void,
): (error: Error) => void {
  let broken: MqttClient['stream'] | undefined;
  return (error) => {
    if (!breaksConnection(error)) return onError(error);
    if (broken === client.stream) return;
    broken = client.stream;
    onError(error);
    if (!client.disconnecting) broken.destroy();
  };
}
