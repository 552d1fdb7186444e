import { readJson } from '../codec/json-codec.js';
import { CodecError, printable } from '../errors.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { MqttRecord, type MqttRecordOptions, type PublishProperties } from '../message/mqtt-record.js';
import type { MqttContext } from '../message/mqtt-context.js';

/** An event that could not be handled, and what is known about it. */
export interface DeadLetter {
  /** The Topic Name of the event. */
  readonly topic: string;
  /** Its payload, as it was. */
  readonly payload: Buffer;
  /** Why it could not be handled. */
  readonly error: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** The handler, by its name in the log. */
  readonly handler: string;
  /** When it was given up. */
  readonly time: Date;
}

const PREFIX = 'dead-letter-';
const MAX_ERROR_LENGTH = 1000;

/** A dead letter as a PUBLISH: the payload as it was, and the rest in User Properties; on MQTT 3.1.1 in a JSON envelope. */
export function encodeDeadLetter(
  letter: DeadLetter,
  { packet }: InboundMessage,
  protocolVersion: number,
): { readonly payload: Buffer | string; readonly options: MqttRecordOptions } {
  if (protocolVersion !== 5) return { payload: toEnvelope(letter), options: { qos: 1 } };
  const { contentType, payloadFormatIndicator, userProperties } = packet.properties ?? {};
  const facts = {
    topic: letter.topic,
    error: letter.error.slice(0, MAX_ERROR_LENGTH),
    handler: letter.handler,
  };
  const all = { ...facts, attempts: String(letter.attempts), time: letter.time.toISOString() };
  const marked = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [`${PREFIX}${name}`, printable(value).toWellFormed()]),
  );
  const properties = {
    contentType,
    payloadFormatIndicator,
    userProperties: { ...userProperties, ...marked },
  };
  return { payload: letter.payload, options: { qos: 1, properties: properties as PublishProperties } };
}

/**
 * Reads a dead letter in the handler of its topic, whatever the version of MQTT.
 * @throws {CodecError} if the message is no dead letter
 */
export function readDeadLetter({ packet, userProperties }: MqttContext): DeadLetter {
  const payload = packet.payload as Buffer;
  const property = (name: string): string => String(userProperties[`${PREFIX}${name}`] ?? '');
  if (property('topic') === '') return fromEnvelope(payload);
  return {
    topic: property('topic'),
    payload,
    error: property('error'),
    attempts: Number(property('attempts')),
    handler: property('handler'),
    time: new Date(property('time')),
  };
}

/**
 * The message of a dead letter as it was, to be published again: its Topic Name, and a record with QoS 1, its payload, and
 * on MQTT 5 its Content Type and User Properties.
 *
 * @example
 * ```ts
 * // the handler of the dead letters: MqttEventPattern('dead-letters', { qos: 1, onFailure: 'withhold' })
 * replay(context: MqttContext) {
 *   return this.client.emit(...replayOf(context));
 * }
 * ```
 * @throws {CodecError} if the message is no dead letter
 */
export function replayOf(context: MqttContext): [topic: string, record: MqttRecord<Buffer>] {
  const { topic, payload } = readDeadLetter(context);
  const { contentType, payloadFormatIndicator } = context.properties;
  const own = Object.entries(context.userProperties).filter(([name]) => !name.startsWith(PREFIX));
  const properties = { contentType, payloadFormatIndicator, userProperties: Object.fromEntries(own) };
  return [topic, new MqttRecord(payload, { qos: 1, properties: properties as PublishProperties })];
}

function toEnvelope({ payload, ...letter }: DeadLetter): string {
  const text = payload.toString('utf8');
  const isText = Buffer.from(text).equals(payload);
  const content = isText
    ? { payload: text, encoding: 'utf8' }
    : { payload: payload.toString('base64'), encoding: 'base64' };
  return JSON.stringify({ ...letter, ...content });
}

function fromEnvelope(payload: Buffer): DeadLetter {
  const envelope = readJson(payload.toString('utf8')) as Partial<
    Record<keyof DeadLetter | 'encoding', string>
  > | null;
  if (!isEnvelope(envelope)) throw new CodecError('The message is no dead letter', 'dead-letter');
  return {
    topic: envelope.topic,
    payload: Buffer.from(envelope.payload, envelope.encoding),
    error: envelope.error,
    attempts: Number(envelope.attempts),
    handler: envelope.handler,
    time: new Date(envelope.time),
  };
}

function isEnvelope(
  envelope: Partial<Record<keyof DeadLetter | 'encoding', string>> | null,
): envelope is Record<keyof DeadLetter, string> & { readonly encoding: 'utf8' | 'base64' } {
  if (envelope?.encoding !== 'utf8' && envelope?.encoding !== 'base64') return false;
  return [envelope.topic, envelope.payload, envelope.error, envelope.handler].every(
    (text) => typeof text === 'string',
  );
}
