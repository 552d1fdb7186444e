import { randomUUID } from 'node:crypto';
import { connectDevice, FENCE_TOPICS, type Device } from './device.js';
import { until } from './until.js';

export interface FenceOptions {
  /** That of the messages to wait behind: brokers keep the order of messages with the same QoS only. 1 by default. */
  readonly qos?: 0 | 1 | 2;
}

/**
 * Resolves when the broker has passed on everything that was written to it, by anyone, before the call: what `through` has
 * not received by then will not come. It says nothing about a service that has yet to publish: wait first for
 * the handler, or for its answer to a later message.
 *
 * It takes two round trips: while the broker handles the SUBSCRIBE it reads what had arrived on other connections, so that
 * the marker, sent afterwards, comes behind.
 */
export async function fence(through: Device | string, { qos = 1 }: FenceOptions = {}): Promise<void> {
  if (typeof through === 'string') {
    await using device = await connectDevice(through);
    return await fence(device, { qos });
  }
  const topic = `${FENCE_TOPICS}${randomUUID()}`;
  let passed = false;
  const listen = (received: string) => void (passed ||= received === topic);
  through.client.on('message', listen);
  await through.subscribe(topic, { qos });
  await through.publish(topic, '', { qos });
  await until(() => passed, { message: 'the marker of a fence' });
  through.client.off('message', listen);
  await through.client.unsubscribeAsync(topic);
}
