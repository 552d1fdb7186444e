import type { IPublishPacket } from 'mqtt-packet';
import type { Decision } from '../../../src/message/decision.js';
import type { InboundMessage } from '../../../src/message/inbound-message.js';

/** A message as the connection hands it over; QoS 1 by default. */
export function createMessage(
  topic: string,
  payload = '1',
  packet: Partial<IPublishPacket> = {},
  settle: (decision: Decision) => void = () => undefined,
): InboundMessage {
  const bytes = Buffer.from(payload);
  return {
    topic,
    payload: bytes,
    packet: {
      cmd: 'publish',
      topic,
      payload: bytes,
      qos: 1,
      retain: false,
      dup: false,
      messageId: 1,
      ...packet,
    },
    settle,
  };
}
