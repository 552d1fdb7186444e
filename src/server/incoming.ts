import type { Deserializer } from '@nestjs/microservices';
import { autoCodec } from '../codec/auto-codec.js';
import type { Codec } from '../codec/codec.js';
import { decodeEnvelope, nestReplyTopic, type Envelope } from '../message/envelope.js';
import { asksForMany } from '../message/mqtt5-reply.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { topicNameProblem } from '../topic/topic-name.js';
import type { OpenRequest } from './open-request.js';
import type { ReplyAddress } from './reply-address.js';

const SHOWN_TOPIC = 100;

/** A routed message: its data, and whom to answer if it is a request. */
export interface Incoming {
  /** @throws {CodecError} */
  decode(codec: Codec): unknown;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** `invalid` says why a request cannot be answered. */
  readonly reply?: ReplyAddress | { readonly invalid: string } | undefined;
  /** How long the requester waits for the first reply, from the arrival of the request. */
  readonly timeoutMs?: number | undefined;
  /** The request, once it is open. */
  readonly request?: OpenRequest | undefined;
}

/** How Nest's side of the wire is read. */
export interface IncomingSettings {
  readonly deserializer: Deserializer | undefined;
  /** Nest's normalisation of a pattern, which is the topic it is published to. */
  readonly normalizePattern: (pattern: unknown) => unknown;
  /** Why a requester is not answered on a topic, which is valid. */
  readonly replyTopicProblem: (topic: string) => string | undefined;
}

/** The payload is the data alone, or one of Nest's envelopes; a Response Topic says where to answer either. */
export function readIncoming(
  message: InboundMessage,
  settings: IncomingSettings,
): Incoming | Promise<Incoming> {
  if (settings.deserializer !== undefined) return deserialize(message, settings.deserializer, settings);
  const { topic, payload, packet } = message;
  const request = mqtt5Request(message, settings);
  const envelope = decodeEnvelope(payload, (pattern) => settings.normalizePattern(pattern) === topic);
  if (envelope !== undefined) {
    const incoming = fromEnvelope(topic, envelope, settings);
    return request === undefined ? incoming : { ...incoming, ...request };
  }
  return { decode: (codec) => codec.decode(payload, packet.properties ?? {}), ...request };
}

function fromEnvelope(
  topic: string,
  { data, id, replyTo = nestReplyTopic(topic), metadata, timeoutMs, replies }: Envelope,
  settings: IncomingSettings,
): Incoming {
  const decode = (): unknown => data;
  if (id === undefined) return { decode, metadata };
  const address = { form: 'envelope', topic: replyTo, id, namesResponder: replies === 'many' } as const;
  return { decode, metadata, timeoutMs, reply: checked('replyTo', address, settings) };
}

/** A Response Topic makes a message a request; its Message Expiry Interval says how long the requester waits. */
function mqtt5Request(
  { packet: { properties } }: InboundMessage,
  settings: IncomingSettings,
): Pick<Incoming, 'reply' | 'timeoutMs'> | undefined {
  if (properties?.responseTopic === undefined) return undefined;
  const { responseTopic: topic, correlationData, messageExpiryInterval } = properties;
  const address = { form: 'mqtt5', topic, correlationData, namesResponder: asksForMany(properties) } as const;
  return {
    reply: checked('Response Topic', address, settings),
    timeoutMs: messageExpiryInterval === undefined ? undefined : messageExpiryInterval * 1000,
  };
}

/** Nothing is published to a topic that nobody could have meant, nor to the broker's own ones. */
function checked(
  name: string,
  address: ReplyAddress,
  { replyTopicProblem }: IncomingSettings,
): Incoming['reply'] {
  const { topic } = address;
  const problem = topic.startsWith('$')
    ? 'topics that begin with "$" are the broker\'s'
    : (topicNameProblem(topic) ?? replyTopicProblem(topic));
  return problem === undefined
    ? address
    : { invalid: `its ${name} ${JSON.stringify(topic.slice(0, SHOWN_TOPIC))} is invalid: ${problem}` };
}

async function deserialize(
  message: InboundMessage,
  deserializer: Deserializer,
  settings: IncomingSettings,
): Promise<Incoming> {
  const { topic, payload, packet } = message;
  const request = mqtt5Request(message, settings);
  try {
    const value = autoCodec.decode(payload, packet.properties ?? {});
    const result = (await deserializer.deserialize(value, { channel: topic })) as Partial<Envelope>;
    const incoming = fromEnvelope(topic, { pattern: topic, data: undefined, ...result }, settings);
    return request === undefined ? incoming : { ...incoming, ...request };
  } catch (error) {
    return { decode: () => raise(error), ...request };
  }
}

function raise(error: unknown): never {
  throw error;
}
