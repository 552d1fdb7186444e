import type { MqttClient } from 'mqtt';
import { SubscriptionError } from '../errors.js';

/**
 * Unsubscribes, and waits for the UNSUBACK.
 * @throws {SubscriptionError} if it does not come within `timeoutMs`
 */
export async function unsubscribe(
  client: MqttClient,
  filters: readonly string[],
  timeoutMs: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const refused = filters.map((filter) => ({ filter }));
      reject(
        new SubscriptionError(`The broker did not confirm an UNSUBSCRIBE within ${timeoutMs} ms`, refused),
      );
    }, timeoutMs);
  });
  try {
    await Promise.race([client.unsubscribeAsync([...filters]), expired]);
  } finally {
    clearTimeout(timer);
  }
}
