import type { IPublishPacket } from 'mqtt-packet';

/** A PUBLISH from the broker. `topic` is its Topic Name also where the packet carries only a Topic Alias. */
export interface InboundMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly packet: IPublishPacket;
}
