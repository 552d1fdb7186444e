import fc from 'fast-check';
import { generate, parser, type IPublishPacket, type Packet } from 'mqtt-packet';
import { autoCodec } from '../../src/codec/auto-codec.js';
import { jsonCodec } from '../../src/codec/json-codec.js';
import { textCodec } from '../../src/codec/text-codec.js';
import { CodecError } from '../../src/errors.js';
import {
  decodeCancellation,
  encodeEnvelopeCancellation,
  encodeMqtt5Cancellation,
  requestKey,
} from '../../src/message/cancellation.js';
import {
  decodeEnvelope,
  decodeEnvelopeReply,
  encodeEnvelope,
  encodeEnvelopeReply,
  type Envelope,
} from '../../src/message/envelope.js';
import type { PublishProperties } from '../../src/message/mqtt-record.js';
import {
  asksForMany,
  decodeMqtt5Reply,
  encodeMqtt5Reply,
  isLastReply,
  responderOf,
} from '../../src/message/mqtt5-reply.js';
import type { Reply } from '../../src/message/reply.js';
import { encodeDeadLetter, readDeadLetter, replayOf, type DeadLetter } from '../../src/server/dead-letter.js';
import { MqttContext } from '../../src/message/mqtt-context.js';
import { createMessage } from '../unit/server/create-message.js';
import { objectsWith, payloads } from './arbitraries.js';
import { fuzzSettings } from './fuzz-settings.js';

const ENVELOPE_KEYS = ['pattern', 'data', 'id', 'replyTo', 'metadata', 'timeoutMs', 'replies'];
const REPLY_KEYS = ['id', 'response', 'isDisposed', 'err', 'status', 'responder'];
const LETTER_KEYS = ['topic', 'payload', 'encoding', 'error', 'attempts', 'handler', 'time'];
const MARKS = ['nest-reply', 'nest-replies', 'nest-responder', 'dead-letter-topic', 'dead-letter-time'];

const text = fc.string({ unit: 'binary', minLength: 1 });
const userProperties = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom(...MARKS, '__proto__', 'constructor'), text),
      fc.oneof(fc.constantFrom('next', 'complete', 'error', 'many'), text, fc.array(text, { minLength: 2 })),
    ),
    { maxLength: 5 },
  )
  .map((entries) => Object.fromEntries(entries));
const properties: fc.Arbitrary<PublishProperties> = fc.record(
  {
    contentType: fc.oneof(text, fc.constantFrom('application/json', 'text/plain', 'image/png')),
    payloadFormatIndicator: fc.boolean(),
    responseTopic: fc.oneof(text, fc.constantFrom('$SYS', 'a/#', '')),
    correlationData: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    userProperties,
  },
  { requiredKeys: [] },
);

describe('what is not trusted never throws', () => {
  it('decodeEnvelope() reads any payload, and what it makes of it is an envelope', () => {
    const namesTopic = fc.constantFrom<(pattern: unknown) => boolean>(
      () => true,
      (pattern) => (pattern as string).startsWith('sum'), // throws, as Nest's normalisation may
    );
    const property = fc.property(payloads(objectsWith(...ENVELOPE_KEYS)), namesTopic, (payload, names) => {
      const envelope = decodeEnvelope(payload, names);
      if (envelope === undefined) return;
      expect(Object.keys(envelope).filter((key) => !ENVELOPE_KEYS.includes(key))).toEqual([]);
      const { id = 'x', replyTo = 'x', metadata = {}, timeoutMs = 1, replies = 'many' } = envelope;
      expect([typeof id, typeof replyTo, replies]).toEqual(['string', 'string', 'many']);
      expect([id, replyTo]).not.toContain('');
      expect(timeoutMs).toBeGreaterThan(0);
      expect(Object.values(metadata).filter((value) => typeof value !== 'string')).toEqual([]);
      expect(poisonIn(envelope)).toEqual([]);
    });
    fc.assert(property, fuzzSettings(3000));
  });

  it('decodeEnvelopeReply() reads any payload, and what it makes of it is a reply', () => {
    const property = fc.property(payloads(objectsWith(...REPLY_KEYS)), (payload) => {
      const decoded = decodeEnvelopeReply(payload);
      if (decoded === undefined) return;
      expect(typeof decoded.id).toBe('string');
      expect(['string', 'undefined']).toContain(typeof decoded.responder);
      expectReply(decoded.reply);
    });
    fc.assert(property, fuzzSettings(2000));
  });

  it('decodeMqtt5Reply() reads any payload with any properties, or fails with a CodecError', () => {
    const codecs = fc.constantFrom(autoCodec, jsonCodec, textCodec);
    const property = fc.property(payloads(), properties, codecs, (payload, format, codec) => {
      const reply = orCodecError(() => decodeMqtt5Reply(payload, format, codec));
      if (reply !== undefined) expectReply(reply);
      expect(['string', 'undefined']).toContain(typeof responderOf(format));
      expect([typeof isLastReply(format), typeof asksForMany(format)]).toEqual(['boolean', 'boolean']);
      if (reply?.kind === 'value') expect(reply.last).toBe(isLastReply(format));
    });
    fc.assert(property, fuzzSettings(2000));
  });

  it('decodeCancellation() reads any message', () => {
    const property = fc.property(payloads(objectsWith('id', 'replyTo')), properties, (payload, format) => {
      const message = { ...createMessage('cancel', '', { properties: format }), payload };
      expect(['string', 'undefined']).toContain(typeof decodeCancellation(message));
    });
    fc.assert(property, fuzzSettings(2000));
  });

  it('readDeadLetter() and replayOf() read any message, or fail with a CodecError', () => {
    const property = fc.property(payloads(objectsWith(...LETTER_KEYS)), properties, (payload, format) => {
      const context = contextOf({ payload, properties: format });
      const letter = orCodecError(() => readDeadLetter(context));
      const replay = orCodecError(() => replayOf(context));
      if (letter === undefined) return;
      const { topic, error, handler, attempts, time } = letter;
      const types = [topic, error, handler, attempts].map((value) => typeof value);
      expect(types).toEqual(['string', 'string', 'string', 'number']);
      expect(time).toBeInstanceOf(Date);
      expect(Buffer.isBuffer(letter.payload)).toBe(true);
      expect(replay?.[0]).toBe(topic);
    });
    fc.assert(property, fuzzSettings(2000));
  });
});

describe('what is written is read as the same', () => {
  const harmless = fc.jsonValue().filter((value) => poisonIn(value).length === 0);

  it('an envelope with all that it may have', () => {
    const envelopes = fc.record(
      {
        pattern: fc.constant('sum'),
        data: harmless,
        id: text,
        replyTo: text,
        metadata: fc.dictionary(fc.string(), fc.string()),
        timeoutMs: fc.double({ min: 0, minExcluded: true, noNaN: true, noDefaultInfinity: true }),
        replies: fc.constant('many' as const),
      },
      { requiredKeys: ['pattern', 'data'] },
    );
    const property = fc.property(envelopes, (envelope) => {
      const read = decodeEnvelope(
        Buffer.from(encodeEnvelope(envelope as Envelope)),
        (name) => name === 'sum',
      );
      expect(read).toEqual(withoutPoison(envelope));
    });
    fc.assert(property, fuzzSettings(1000));
  });

  it('a reply in an envelope, with who answers', () => {
    const replies: fc.Arbitrary<Reply> = fc.oneof(
      fc.record({ kind: fc.constant('value' as const), value: harmless, last: fc.boolean() }),
      fc.record({ kind: fc.constant('error' as const), error: harmless.filter((error) => error !== null) }),
      fc.constant({ kind: 'end' as const }),
    );
    const property = fc.property(
      text,
      replies,
      fc.option(text, { nil: undefined }),
      (id, reply, responder) => {
        const read = decodeEnvelopeReply(Buffer.from(encodeEnvelopeReply(id, reply, responder)));
        expect(read).toEqual({ id, responder, reply: withoutPoison(reply) });
      },
    );
    fc.assert(property, fuzzSettings(1000));
  });

  it('an MQTT 5 reply, over the wire', () => {
    const replies: fc.Arbitrary<Reply> = fc.oneof(
      fc.record({ kind: fc.constant('value' as const), value: harmless, last: fc.boolean() }),
      fc.record({ kind: fc.constant('error' as const), error: harmless }),
      fc.constant({ kind: 'end' as const }),
    );
    const property = fc.property(replies, (reply) => {
      const written = encodeMqtt5Reply(reply, autoCodec);
      const read = written.map(({ encoded: { payload, ...format }, ...own }) => {
        const packet = overTheWire({ payload, properties: { ...format, ...own } as PublishProperties });
        return decodeMqtt5Reply(packet.payload as Buffer, packet.properties ?? {}, autoCodec);
      });
      expect({ ...read[0], last: true }).toEqual({ ...(withoutPoison(reply) as object), last: true });
      expect(read.filter(isLast)).toHaveLength(isLast(reply) ? 1 : 0);
    });
    fc.assert(property, fuzzSettings(500));
  });

  it('a cancellation, in both forms', () => {
    const property = fc.property(text, text, (replyTopic, id) => {
      fc.pre(Buffer.byteLength(replyTopic + id) < 500); // longer ones are not read
      const key = requestKey(replyTopic, id);
      const payload = Buffer.from(encodeEnvelopeCancellation(replyTopic, id));
      expect(decodeCancellation({ ...createMessage('cancel'), payload })).toBe(key);
      const binary = { properties: encodeMqtt5Cancellation(replyTopic, id) };
      expect(decodeCancellation(createMessage('cancel', '', binary))).toBe(
        requestKey(replyTopic, Buffer.from(id)),
      );
    });
    fc.assert(property, fuzzSettings(500));
  });

  it.each([4, 5] as const)('a dead letter, over the wire (MQTT version %d)', (protocolVersion) => {
    const harmlessText = fc.string({ minLength: 1 });
    const letters: fc.Arbitrary<DeadLetter> = fc.record({
      topic: harmlessText,
      payload: payloads(),
      error: harmlessText,
      handler: harmlessText,
      attempts: fc.nat(),
      time: fc.date({ noInvalidDate: true }),
    });
    const property = fc.property(letters, userProperties, (letter, own) => {
      const message = createMessage(letter.topic, '', { properties: { userProperties: own } });
      const { payload, options } = encodeDeadLetter(letter, message, protocolVersion);
      const written = { payload, ...(options.properties && { properties: present(options.properties) }) };
      const context = new MqttContext(['dead', overTheWire(written)]);
      expect(readDeadLetter(context)).toEqual(letter);
      const [topic, record] = replayOf(context);
      expect([topic, record.data.equals(letter.payload)]).toEqual([letter.topic, true]);
    });
    fc.assert(property, fuzzSettings(500));
  });
});

function expectReply(reply: Reply): void {
  expect(['value', 'end', 'error']).toContain(reply.kind);
  if (reply.kind === 'value') expect(typeof reply.last).toBe('boolean');
  expect(poisonIn(reply)).toEqual([]);
}

/** The keys anywhere in a value that would reach a prototype when it is merged. */
function poisonIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([key, child]) => [
    ...(key === '__proto__' || (key === 'constructor' && hasPrototype(child)) ? [key] : []),
    ...poisonIn(child),
  ]);
}

function hasPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}

/** JSON has no -0 either. */
function withoutPoison(value: unknown): unknown {
  return jsonCodec.decode(Buffer.from(JSON.stringify(value)), {});
}

function orCodecError<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    expect(error).toBeInstanceOf(CodecError);
    return undefined;
  }
}

function isLast(reply: Reply): boolean {
  return reply.kind !== 'value' || reply.last;
}

function contextOf(packet: Partial<IPublishPacket>): MqttContext {
  return new MqttContext(['dead', publish(packet)]);
}

function publish(packet: Partial<IPublishPacket>): IPublishPacket {
  return { cmd: 'publish', topic: 'a', payload: '', qos: 0, retain: false, dup: false, ...packet };
}

function present(given: PublishProperties): PublishProperties {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** As MQTT.js writes it, and reads it. */
function overTheWire(packet: Partial<IPublishPacket>): IPublishPacket {
  const read: Packet[] = [];
  const stream = parser({ protocolVersion: 5 });
  stream.on('packet', (parsed) => read.push(parsed));
  stream.parse(generate(publish(packet), { protocolVersion: 5 }));
  return read[0] as IPublishPacket;
}
