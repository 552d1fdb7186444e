import type { Codec } from '../codec/codec.js';
import { encodeMqtt5Cancellation } from '../message/cancellation.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { decodeMqtt5Reply, isLastReply, MANY_REPLIES, responderOf } from '../message/mqtt5-reply.js';
import { encodeData, type EncodedData } from './encode-data.js';
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
    const publication = this.encodeEvent(call);
    const { properties } = publication;
    properties.responseTopic = this.#replyTopic;
    properties.correlationData = Buffer.from(id);
    const expirySeconds = Math.ceil(timeoutMs / 1000);
    if (isExpiry(expirySeconds)) properties.messageExpiryInterval = expirySeconds;
    if (many) properties.userProperties = { ...properties.userProperties, ...MANY_REPLIES };
    return publication;
  }

  encodeCancellation(id: string): OutboundPublication {
    return { payload: '', properties: encodeMqtt5Cancellation(this.#replyTopic, id) };
  }

  encodeEvent({ data, metadata }: OutboundCall): EncodedData {
    return encodeData(this.#codec, data, metadata);
  }

  readReply({ topic, payload, packet: { properties = {} } }: InboundMessage): InboundReply | undefined {
    const id = topic === this.#replyTopic ? properties.correlationData?.toString() : undefined;
    if (id === undefined) return undefined;
    const responder = responderOf(properties);
    return {
      id,
      responder,
      isLast: isLastReply(properties),
      decode: () => decodeMqtt5Reply(payload, properties, this.#codec),
    };
  }
}

/** A Four Byte Integer, and not "for ever": section 3.3.2.3.3. */
function isExpiry(seconds: number): boolean {
  return seconds > 0 && seconds <= MAX_EXPIRY_SECONDS;
}
