import { autoCodec } from '../codec/auto-codec.js';
import type { Codec, EncodedPayload } from '../codec/codec.js';
import { jsonCodec } from '../codec/json-codec.js';
import type { PublishProperties } from './mqtt-record.js';
import type { Reply } from './reply.js';

/** The User Property that tells the replies of a stream apart; a reply without it is the one and last value. */
const REPLY_PROPERTY = 'nest-reply';

/** In a request: several responders may answer. In a reply to it: who answers. */
const REPLIES_PROPERTY = 'nest-replies';
const RESPONDER_PROPERTY = 'nest-responder';

type ReplyStatus = 'next' | 'complete' | 'error';

/** A reply as a PUBLISH: its payload, and the User Properties that it adds. */
export interface Mqtt5Reply {
  readonly encoded: EncodedPayload;
  readonly userProperties?: Readonly<Record<string, string>>;
}

/** What a request says that several responders may answer. */
export const MANY_REPLIES: Readonly<Record<string, string>> = { [REPLIES_PROPERTY]: 'many' };

export function asksForMany({ userProperties }: PublishProperties): boolean {
  return userProperties?.[REPLIES_PROPERTY] === 'many';
}

/** Says who answers, to a request that asks for it. */
export function responderProperty(responder: string): Readonly<Record<string, string>> {
  return { [RESPONDER_PROPERTY]: responder };
}

export function responderOf({ userProperties }: PublishProperties): string | undefined {
  const responder = userProperties?.[RESPONDER_PROPERTY];
  return typeof responder === 'string' ? responder : undefined;
}

/** A last value says nothing of itself, but where its payload is empty: an empty `complete` carries no value. */
export function encodeMqtt5Reply(reply: Reply, codec: Codec): readonly Mqtt5Reply[] {
  if (reply.kind === 'end') return [withStatus('complete', { payload: '' })];
  if (reply.kind === 'error') return [withStatus('error', jsonCodec.encode(reply.error ?? null))];
  const encoded = codec.encode(reply.value);
  if (!reply.last) return [withStatus('next', encoded)];
  if (encoded.payload.length > 0) return [{ encoded }];
  return [withStatus('next', encoded), withStatus('complete', { payload: '' })];
}

/** @throws {CodecError} if a value does not decode with `codec` */
export function decodeMqtt5Reply(payload: Buffer, properties: PublishProperties, codec: Codec): Reply {
  const status = properties.userProperties?.[REPLY_PROPERTY];
  if (status === 'error') return { kind: 'error', error: autoCodec.decode(payload, properties) };
  if (status === 'complete' && payload.length === 0) return { kind: 'end' };
  return { kind: 'value', value: codec.decode(payload, properties), last: status !== 'next' };
}

/** Whether a reply ends its request. */
export function isLastReply({ userProperties }: PublishProperties): boolean {
  return userProperties?.[REPLY_PROPERTY] !== 'next';
}

function withStatus(status: ReplyStatus, encoded: EncodedPayload): Mqtt5Reply {
  return { encoded, userProperties: { [REPLY_PROPERTY]: status } };
}
