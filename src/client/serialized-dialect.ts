import type { Deserializer, Serializer } from '@nestjs/microservices';
import { autoCodec } from '../codec/auto-codec.js';
import { fromNestReply } from '../message/envelope.js';
import { responderOf } from '../message/mqtt5-reply.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { Reply } from '../message/reply.js';
import type {
  InboundReply,
  OutboundCall,
  OutboundPublication,
  RequestDetails,
  RequestDialect,
} from './request-dialect.js';

/** A dialect whose payloads are written or read by Nest's `serializer` and `deserializer` instead of a codec. */
export class SerializedDialect implements RequestDialect {
  readonly #dialect: RequestDialect;
  readonly #serializer: Serializer | undefined;
  readonly #deserializer: Deserializer | undefined;

  constructor(
    dialect: RequestDialect,
    serializer: Serializer | undefined,
    deserializer: Deserializer | undefined,
  ) {
    this.#dialect = dialect;
    this.#serializer = serializer;
    this.#deserializer = deserializer;
  }

  replyTopic(topic: string): string {
    return this.#dialect.replyTopic(topic);
  }

  async encodeRequest(call: OutboundCall, details: RequestDetails): Promise<OutboundPublication> {
    if (this.#serializer === undefined) return this.#dialect.encodeRequest(call, details);
    const { properties } = await this.#dialect.encodeRequest({ ...call, data: undefined }, details);
    return this.#serialize({ ...call.packet, id: details.id }, properties);
  }

  encodeCancellation(id: string): OutboundPublication | undefined {
    return this.#dialect.encodeCancellation(id);
  }

  async encodeEvent(call: OutboundCall): Promise<OutboundPublication> {
    if (this.#serializer === undefined) return this.#dialect.encodeEvent(call);
    const { properties } = await this.#dialect.encodeEvent({ ...call, data: undefined });
    return this.#serialize(call.packet, properties);
  }

  async readReply(message: InboundMessage): Promise<InboundReply | undefined> {
    if (this.#deserializer === undefined) return this.#dialect.readReply(message);
    const { topic, payload, packet } = message;
    const value = autoCodec.decode(payload, packet.properties ?? {});
    const correlationId = packet.properties?.correlationData?.toString();
    try {
      const reply = (await this.#deserializer.deserialize(value, { channel: topic })) as Record<
        string,
        unknown
      >;
      const { properties = {} } = packet;
      const isLast = reply['isDisposed'] === true || (reply['err'] ?? undefined) !== undefined;
      return withId(
        correlationId ?? reply['id'],
        isLast,
        () => fromNestReply(reply),
        responderOf(properties),
      );
    } catch (error) {
      return withId(correlationId ?? idOf(value), false, () => {
        throw error; // to the request
      });
    }
  }

  async #serialize(
    packet: object,
    properties: OutboundPublication['properties'],
  ): Promise<OutboundPublication> {
    const payload = (await this.#serializer!.serialize(packet)) as Buffer | string;
    return properties === undefined ? { payload } : { payload, properties };
  }
}

function withId(
  id: unknown,
  isLast: boolean,
  decode: () => Reply,
  responder?: string,
): InboundReply | undefined {
  return typeof id === 'string' ? { id, decode, responder, isLast } : undefined;
}

function idOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
}
