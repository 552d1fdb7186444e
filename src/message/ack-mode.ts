import { ConfigurationError } from '../errors.js';

/** When the broker is answered for a QoS 1 or QoS 2 message. */
export type AckMode = 'after' | 'receipt' | 'manual';

/** @throws {ConfigurationError} */
export function checkAck(ack: AckMode): AckMode {
  if (['after', 'receipt', 'manual'].includes(ack)) return ack;
  throw new ConfigurationError(`ack must be "after", "receipt" or "manual", not ${JSON.stringify(ack)}`);
}
