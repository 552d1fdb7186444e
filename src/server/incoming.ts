import type { Deserializer } from '@nestjs/microservices';
import { autoCodec } from '../codec/auto-codec.js';
import type { Codec } from '../codec/codec.js';
import { decodeEnvelope, nestReplyTopic, type Envelope } from '../message/envelope.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { topicNameProblem } from '../topic/topic-name.js';
import type { ReplyAddress } from './reply-address.js';

/** A routed message: its data, and whom to answer if it is a request. */
export interface Incoming {
  /** @throws {CodecError} */
  decode(codec: Codec): unknown;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** `invalid` says why a request cannot be answered. */
  readonly reply?: ReplyAddress | { readonly invalid: string } | undefined;
}

/** How Nest's side of the wire is read. */
export interface IncomingSettings {
  readonly deserializer: Deserializer | undefined;
  /** Nest's normalisation of a pattern, which is the topic it is published to. */
  readonly normalizePattern: (pattern: unknown) => unknown;
}

/** The payload is the data alone, or one of Nest's envelopes; a Response Topic says where to answer either. */
export function readIncoming(
  message: InboundMessage,
  settings: IncomingSettings,
): Incoming | Promise<Incoming> {
  if (settings.deserializer !== undefined) return deserialize(message, settings.deserializer);
  const { topic, payload, packet } = message;
  const reply = mqtt5Reply(message);
  const envelope = decodeEnvelope(payload, (pattern) => settings.normalizePattern(pattern) === topic);
  if (envelope !== undefined) {
    const incoming = fromEnvelope(topic, envelope);
    return reply === undefined ? incoming : { ...incoming, reply };
  }
  return { decode: (codec) => codec.decode(payload, packet.properties ?? {}), reply };
}

function fromEnvelope(
  topic: string,
  { data, id, replyTo = nestReplyTopic(topic), metadata }: Envelope,
): Incoming {
  const reply = id === undefined ? undefined : checked('replyTo', { form: 'envelope', topic: replyTo, id });
  return { decode: () => data, metadata, reply };
}

function mqtt5Reply({ packet: { properties } }: InboundMessage): Incoming['reply'] {
  const topic = properties?.responseTopic;
  if (topic === undefined) return undefined;
  return checked('Response Topic', { form: 'mqtt5', topic, correlationData: properties?.correlationData });
}

/** Nothing is published to a topic that nobody could have meant, nor to the broker's own ones. */
function checked(name: string, address: ReplyAddress): Incoming['reply'] {
  const { topic } = address;
  const problem = topic.startsWith('$')
    ? 'topics that begin with "$" are the broker\'s'
    : topicNameProblem(topic);
  return problem === undefined
    ? address
    : { invalid: `its ${name} ${JSON.stringify(topic)} is invalid: ${problem}` };
}

async function deserialize(message: InboundMessage, deserializer: Deserializer): Promise<Incoming> {
  const { topic, payload, packet } = message;
  const reply = mqtt5Reply(message);
  try {
    const value = autoCodec.decode(payload, packet.properties ?? {});
    const result = (await deserializer.deserialize(value, { channel: topic })) as Partial<Envelope>;
    const incoming = fromEnvelope(topic, { pattern: topic, data: undefined, ...result });
    return reply === undefined ? incoming : { ...incoming, reply };
  } catch (error) {
    return { decode: () => raise(error), reply };
  }
}

function raise(error: unknown): never {
  throw error;
}
