import type { Codec } from '../codec/codec.js';
import { encodeMqtt5Cancellation } from '../message/cancellation.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { decodeMqtt5Reply, MANY_REPLIES, signerOf } from '../message/mqtt5-reply.js';
import { encodeData } from './encode-data.js';
import type {
  InboundReply,
  OutboundCall,
  OutboundPublication,
  RequestDetails,
  RequestDialect,
} from './request-dialect.js';

const MAX_EXPIRY_SECONDS = 0xffff_ffff;

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

  encodeRequest(call: OutboundCall, { id, timeoutMs, many }: RequestDetails): OutboundPublication {
    const { payload, properties } = this.encodeEvent(call);
    const messageExpiryInterval = Math.ceil(timeoutMs / 1000);
    return {
      payload,
      properties: {
        ...properties,
        ...(isExpiry(messageExpiryInterval) && { messageExpiryInterval }),
        ...(many && { userProperties: { ...properties?.userProperties, ...MANY_REPLIES } }),
        responseTopic: this.#replyTopic,
        correlationData: Buffer.from(id),
      },
    };
  }

  encodeCancellation(id: string): OutboundPublication {
    return { payload: '', properties: encodeMqtt5Cancellation(this.#replyTopic, id) };
  }

  encodeEvent({ data, metadata }: OutboundCall): OutboundPublication {
    return encodeData(this.#codec, data, metadata);
  }

  readReply({ topic, payload, packet: { properties = {} } }: InboundMessage): InboundReply | undefined {
    const id = topic === this.#replyTopic ? properties.correlationData?.toString() : undefined;
    if (id === undefined) return undefined;
    const responder = signerOf(properties);
    return { id, responder, decode: () => decodeMqtt5Reply(payload, properties, this.#codec) };
  }
}

/** A Four Byte Integer, and not "for ever": section 3.3.2.3.3. */
function isExpiry(seconds: number): boolean {
  return seconds > 0 && seconds <= MAX_EXPIRY_SECONDS;
}
