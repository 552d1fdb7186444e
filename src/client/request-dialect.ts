import type { InboundMessage } from '../message/inbound-message.js';
import type { MqttRecordOptions, PublishProperties } from '../message/mqtt-record.js';
import type { Reply } from '../message/reply.js';

/** What `send` or `emit` was called with. */
export interface OutboundCall {
  readonly topic: string;
  /** As the caller wrote it. */
  readonly pattern: unknown;
  readonly data: unknown;
  /** Those of the record, if the data came in one. */
  readonly options: MqttRecordOptions;
  /** What a dispatch hook attached. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** Nest's packet of the call, for a serializer; its data may be a record. */
  readonly packet: object;
}

/** How a request differs from an event. */
export interface RequestDetails {
  readonly id: string;
  /** 0 for ever. */
  readonly timeoutMs: number;
  readonly many: boolean;
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
  encodeRequest(
    call: OutboundCall,
    details: RequestDetails,
  ): OutboundPublication | Promise<OutboundPublication>;
  /** @throws {CodecError} */
  encodeEvent(call: OutboundCall): OutboundPublication | Promise<OutboundPublication>;
  /** Tells the responders that nobody waits any more; `undefined` if they would not understand. */
  encodeCancellation(id: string): OutboundPublication | undefined;
  /** Which request a message replies to; `undefined` if it is no reply. */
  readReply(message: InboundMessage): InboundReply | undefined | Promise<InboundReply | undefined>;
}

/** A reply whose request is known, and which is not decoded for a request that has ended. */
export interface InboundReply {
  readonly id: string;
  /** Whether it ends its request. */
  readonly isLast: boolean;
  /** Who answers, if that was asked for and is told. */
  readonly responder?: string | undefined;
  /** @throws {CodecError} */
  readonly decode: () => Reply;
}
