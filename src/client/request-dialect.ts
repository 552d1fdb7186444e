import type { InboundMessage } from '../message/inbound-message.js';
import type { PublishProperties } from '../message/mqtt-record.js';
import type { Reply } from '../message/reply.js';

/** What `send` or `emit` was called with. */
export interface OutboundCall {
  readonly topic: string;
  /** As the caller wrote it. */
  readonly pattern: unknown;
  readonly data: unknown;
  /** What a dispatch hook attached. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** Nest's packet of the call, for a serializer; its data may be a record. */
  readonly packet: object;
}

/** A call as a PUBLISH. */
export interface OutboundPublication {
  readonly payload: Buffer | string;
  readonly properties?: PublishProperties;
}

/** How requests and their replies look on the wire. */
export interface RequestDialect {
  /** Where the replies to a request on `topic` arrive. */
  replyTopic(topic: string): string;
  /** @throws {CodecError} */
  encodeRequest(call: OutboundCall, id: string): OutboundPublication | Promise<OutboundPublication>;
  /** @throws {CodecError} */
  encodeEvent(call: OutboundCall): OutboundPublication | Promise<OutboundPublication>;
  /** Which request a message replies to; `undefined` if it is no reply. */
  readReply(message: InboundMessage): InboundReply | undefined | Promise<InboundReply | undefined>;
}

/** A reply whose request is known, and which is not decoded for a request that has ended. */
export interface InboundReply {
  readonly id: string;
  /** @throws {CodecError} */
  readonly decode: () => Reply;
}
