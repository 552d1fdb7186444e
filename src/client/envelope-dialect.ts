import type { Codec } from '../codec/codec.js';
import { encodeEnvelopeCancellation } from '../message/cancellation.js';
import { decodeEnvelopeReply, encodeEnvelope, type Envelope } from '../message/envelope.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { isFinal } from '../message/reply.js';
import { encodeData } from './encode-data.js';
import type {
  InboundReply,
  OutboundCall,
  OutboundPublication,
  RequestDetails,
  RequestDialect,
} from './request-dialect.js';

/** MQTT 3.1.1: requests are Nest's envelope with the client's reply topic in it, events the data as it is. */
export class EnvelopeDialect implements RequestDialect {
  readonly #replyTopic: string;
  readonly #codec: Codec;

  constructor(replyTopic: string, codec: Codec) {
    this.#replyTopic = replyTopic;
    this.#codec = codec;
  }

  replyTopic(): string {
    return this.#replyTopic;
  }

  encodeRequest(
    { pattern, data, metadata }: OutboundCall,
    { id, timeoutMs, many }: RequestDetails,
  ): OutboundPublication {
    const envelope: Envelope = {
      pattern,
      data,
      id,
      replyTo: this.#replyTopic,
      ...(metadata && { metadata }),
      ...(timeoutMs > 0 && timeoutMs !== Infinity && { timeoutMs }),
      ...(many && { replies: 'many' }),
    };
    return { payload: encodeEnvelope(envelope) };
  }

  encodeCancellation(id: string): OutboundPublication {
    return { payload: encodeEnvelopeCancellation(this.#replyTopic, id) };
  }

  encodeEvent({ data, metadata }: OutboundCall): OutboundPublication {
    return encodeData(this.#codec, data, metadata);
  }

  readReply({ topic, payload }: InboundMessage): InboundReply | undefined {
    return topic === this.#replyTopic ? readEnvelopeReply(payload) : undefined;
  }
}

export function readEnvelopeReply(payload: Buffer): InboundReply | undefined {
  const decoded = decodeEnvelopeReply(payload);
  if (decoded === undefined) return undefined;
  const { id, reply, responder } = decoded;
  return { id, responder, isLast: isFinal(reply), decode: () => reply };
}
