import type { IPublishPacket } from 'mqtt-packet';
import type { Decision } from './decision.js';

/** A PUBLISH from the broker. `topic` is its Topic Name also where the packet carries only a Topic Alias. */
export interface InboundMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly packet: IPublishPacket;
  /**
   * Answers the broker for a QoS 1 or QoS 2 message. The first call counts; on QoS 0, and when the connection that
   * the message came on is lost, none does.
   */
  readonly settle: (decision: Decision) => void;
}
