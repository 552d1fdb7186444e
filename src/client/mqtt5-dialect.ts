import type { Codec } from '../codec/codec.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { decodeMqtt5Reply } from '../message/mqtt5-reply.js';
import { encodeData } from './encode-data.js';
import type { InboundReply, OutboundCall, OutboundPublication, RequestDialect } from './request-dialect.js';

/**
 * Response Topic and Correlation Data; the payload is the data alone.
 * @see https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901252
 */
export class Mqtt5Dialect implements RequestDialect {
  readonly #replyTopic: string;
  readonly #codec: Codec;

  constructor(replyTopic: string, codec: Codec) {
    this.#replyTopic = replyTopic;
    this.#codec = codec;
  }

  replyTopic(): string {
    return this.#replyTopic;
  }

  encodeRequest(call: OutboundCall, id: string): OutboundPublication {
    const { payload, properties } = this.encodeEvent(call);
    return {
      payload,
      properties: { ...properties, responseTopic: this.#replyTopic, correlationData: Buffer.from(id) },
    };
  }

  encodeEvent({ data, metadata }: OutboundCall): OutboundPublication {
    return encodeData(this.#codec, data, metadata);
  }

  readReply({ topic, payload, packet: { properties = {} } }: InboundMessage): InboundReply | undefined {
    const id = topic === this.#replyTopic ? properties.correlationData?.toString() : undefined;
    return id === undefined
      ? undefined
      : { id, decode: () => decodeMqtt5Reply(payload, properties, this.#codec) };
  }
}
