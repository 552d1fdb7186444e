import { jsonCodec, parseJson } from '../codec/json-codec.js';
import { readText } from '../codec/text-codec.js';
import type { Reply } from './reply.js';

/**
 * What Nest's clients send on MQTT 3.1.1. With an `id` it is a request; our own client adds `replyTo`, the topic of
 * its replies, for which Nest's built-in one takes `<topic>/reply`.
 */
export interface Envelope {
  readonly pattern: unknown;
  readonly data: unknown;
  readonly id?: string;
  readonly replyTo?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long the requester waits for the first reply. */
  readonly timeoutMs?: number;
  /** Several responders may answer, and are to say who they are. */
  readonly replies?: 'many';
}

const ENVELOPE_KEYS: ReadonlySet<string> = new Set([
  'pattern',
  'data',
  'id',
  'replyTo',
  'metadata',
  'timeoutMs',
  'replies',
]);
const REPLY_KEYS: ReadonlySet<string> = new Set([
  'id',
  'response',
  'isDisposed',
  'err',
  'status',
  'responder',
]);
/** Without its first quotation mark: JSON is full of these, and each would be looked at. */
const PATTERN = Buffer.from('pattern"');
const BRACE = 0x7b;

/** Where Nest's built-in clients expect the replies to a request on `topic`. */
export function nestReplyTopic(topic: string): string {
  return `${topic}/reply`;
}

export function encodeEnvelope(envelope: Envelope): string {
  return jsonCodec.encode(envelope).payload as string;
}

/**
 * Reads an envelope; `undefined` if the payload is a device's own data: JSON without a `pattern` that names the
 * topic, or with a key that no envelope has. Costs a scan of the payload unless it is one.
 */
export function decodeEnvelope(
  payload: Buffer,
  namesTopic: (pattern: unknown) => boolean,
): Envelope | undefined {
  if (payload[0] !== BRACE || !payload.includes(PATTERN)) return undefined;
  const value = parseObject(payload, ENVELOPE_KEYS);
  if (value === undefined) return undefined;
  const { id, replyTo, metadata, timeoutMs, replies } = value;
  const wellTyped =
    isOptionalString(id) &&
    isOptionalString(replyTo) &&
    isOptionalMetadata(metadata) &&
    isOptionalTimeout(timeoutMs) &&
    (replies === undefined || replies === 'many');
  return wellTyped && safely(() => namesTopic(value['pattern'])) ? (value as unknown as Envelope) : undefined;
}

/** @param responder who answers, where the requester asks for it */
export function encodeEnvelopeReply(id: string, reply: Reply, responder?: string): string {
  const packet = toNestReply(id, reply);
  return jsonCodec.encode(responder === undefined ? packet : { ...packet, responder }).payload as string;
}

/** A reply as Nest's `WritePacket` with an `id`. */
export function toNestReply(id: string, reply: Reply): Record<string, unknown> {
  if (reply.kind === 'end') return { id, isDisposed: true };
  if (reply.kind === 'error') return { id, err: reply.error ?? 'Unknown error', isDisposed: true };
  return reply.last ? { id, response: reply.value, isDisposed: true } : { id, response: reply.value };
}

/** Reads a reply of a Nest server; `undefined` if the payload is none. */
export function decodeEnvelopeReply(
  payload: Buffer,
): { id: string; reply: Reply; responder: string | undefined } | undefined {
  const value = payload[0] === BRACE ? parseObject(payload, REPLY_KEYS) : undefined;
  if (value === undefined || typeof value['id'] !== 'string') return undefined;
  const { id, responder } = value;
  return {
    id,
    reply: fromNestReply(value),
    responder: typeof responder === 'string' ? responder : undefined,
  };
}

/** The opposite of {@link toNestReply}, for what a custom deserializer makes of a reply. */
export function fromNestReply(packet: Readonly<Record<string, unknown>>): Reply {
  const { err, response, isDisposed } = packet;
  if (err !== undefined && err !== null) return { kind: 'error', error: err };
  const last = isDisposed === true;
  return last && response === undefined ? { kind: 'end' } : { kind: 'value', value: response, last };
}

function parseObject(payload: Buffer, keys: ReadonlySet<string>): Record<string, unknown> | undefined {
  try {
    const value = parseJson(readText(payload, 'json')) as Record<string, unknown>;
    return Object.keys(value).every((key) => keys.has(key)) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isOptionalMetadata(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((entry) => typeof entry === 'string')
  );
}

function isOptionalTimeout(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value > 0);
}

function isOptionalString(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value !== '');
}

/** Nest's normalisation of a hostile pattern may overflow the stack. */
function safely(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
