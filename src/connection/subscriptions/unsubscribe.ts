import type { MqttClient } from 'mqtt';
import { SubscriptionError } from '../../errors.js';

interface UnsubscribeSettings {
  readonly timeoutMs: number;
  /** How many filters go into one UNSUBSCRIBE. */
  readonly batchSize: number;
}

/**
 * Unsubscribes, and waits for every UNSUBACK.
 * @throws {SubscriptionError} if they do not come within `timeoutMs`
 */
export async function unsubscribe(
  client: MqttClient,
  filters: readonly string[],
  { timeoutMs, batchSize }: UnsubscribeSettings,
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
    const answered = toBatches(filters, batchSize).map((batch) => client.unsubscribeAsync(batch));
    await Promise.race([Promise.all(answered), expired]);
  } finally {
    clearTimeout(timer);
  }
}

function toBatches(filters: readonly string[], size: number): string[][] {
  const count = Math.ceil(filters.length / size);
  return Array.from({ length: count }, (_, index) => filters.slice(index * size, (index + 1) * size));
}
