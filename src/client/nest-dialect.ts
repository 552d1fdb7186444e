import { encodeEnvelope, nestReplyTopic } from '../message/envelope.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { readEnvelopeReply } from './envelope-dialect.js';
import type {
  InboundReply,
  OutboundCall,
  OutboundPublication,
  RequestDetails,
  RequestDialect,
} from './request-dialect.js';

/** What Nest's built-in transporter speaks: everything in an envelope, replies on a topic beside the request's. */
export class NestDialect implements RequestDialect {
  replyTopic(topic: string): string {
    return nestReplyTopic(topic);
  }

  encodeRequest(call: OutboundCall, { id }: RequestDetails): OutboundPublication {
    return encode(call, { id });
  }

  encodeCancellation(): undefined {
    return undefined;
  }

  encodeEvent(call: OutboundCall): OutboundPublication {
    return encode(call, {});
  }

  readReply({ payload }: InboundMessage): InboundReply | undefined {
    return readEnvelopeReply(payload);
  }
}

function encode(
  { pattern, data, metadata }: OutboundCall,
  id: { readonly id?: string },
): OutboundPublication {
  return { payload: encodeEnvelope({ pattern, data, ...id, ...(metadata && { metadata }) }) };
}
