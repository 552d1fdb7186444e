import fc from 'fast-check';
import {
  decodeEnvelope,
  decodeEnvelopeReply,
  encodeEnvelope,
  encodeEnvelopeReply,
  nestReplyTopic,
} from '../../../src/message/envelope.js';
import type { Reply } from '../../../src/message/reply.js';
import { fastCheckSettings } from '../fast-check-settings.js';

const read = (payload: string | Buffer, topic = 'sum') =>
  decodeEnvelope(Buffer.from(payload), (pattern) => pattern === topic);

const json = fc.jsonValue().filter((value) => !/__proto__|constructor/.test(JSON.stringify(value)));
const id = fc.string({ minLength: 1 });

describe('an envelope is', () => {
  it.each([
    ['an event', '{"pattern":"sum","data":[1]}', { pattern: 'sum', data: [1] }],
    ['an event of null', '{"pattern":"sum","data":null}', { pattern: 'sum', data: null }],
    ["a request of Nest's client", '{"pattern":"sum","data":1,"id":"x"}', { data: 1, id: 'x' }],
    ['a request without data', '{"pattern":"sum","id":"x"}', { id: 'x' }],
    ['a request of ours', '{"pattern":"sum","data":1,"id":"x","replyTo":"r"}', { id: 'x', replyTo: 'r' }],
    ['one with keys in another order', '{"id":"x","data":1,"pattern":"sum"}', { data: 1, id: 'x' }],
    ['one with metadata', '{"pattern":"sum","data":1,"metadata":{"a":"b"}}', { metadata: { a: 'b' } }],
    ['one with white space in it', '{ "pattern" : "sum", "data" : 1 }\n', { pattern: 'sum', data: 1 }],
    ['one whose data looks like one', '{"pattern":"sum","data":{"pattern":"x","id":7}}', { pattern: 'sum' }],
  ])('%s', (_, payload, envelope) => {
    expect(read(payload)).toMatchObject(envelope);
  });

  it('any payload whose pattern names the topic, of an object too', () => {
    const names = (pattern: unknown) => JSON.stringify(pattern) === '{"cmd":"sum"}';
    expect(decodeEnvelope(Buffer.from('{"pattern":{"cmd":"sum"},"data":1}'), names)).toEqual({
      pattern: { cmd: 'sum' },
      data: 1,
    });
    expect(decodeEnvelope(Buffer.from('{"pattern":{"cmd":"sub"},"data":1}'), names)).toBeUndefined();
  });

  it.each([
    ["a device's own id and data", '{"id":7,"data":[1]}'],
    ["a device's own data and options", '{"data":{},"options":{}}'],
    ['data alone', '{"data":1}'],
    ['the pattern of another topic', '{"pattern":"sub","data":1}'],
    ['a pattern that is a number', '{"pattern":7,"data":1}'],
    ['a pattern that is null', '{"pattern":null,"data":1}'],
    ['a pattern that is data', '{"data":{"pattern":"sum"}}'],
    ['a key that no envelope has', '{"pattern":"sum","data":1,"unit":"kWh"}'],
    ['an id that is a number', '{"pattern":"sum","data":1,"id":7}'],
    ['an id that is null', '{"pattern":"sum","data":1,"id":null}'],
    ['an empty id', '{"pattern":"sum","data":1,"id":""}'],
    ['a replyTo that is no string', '{"pattern":"sum","data":1,"id":"x","replyTo":{}}'],
    ['an empty replyTo', '{"pattern":"sum","data":1,"id":"x","replyTo":""}'],
    ['metadata that is no object', '{"pattern":"sum","data":1,"metadata":"a"}'],
    ['metadata that is null', '{"pattern":"sum","data":1,"metadata":null}'],
    ['metadata that holds no strings', '{"pattern":"sum","data":1,"metadata":{"a":{}}}'],
    ['an array', '[{"pattern":"sum","data":1}]'],
    ['a string', '"pattern"'],
    ['JSON that breaks off', '{"pattern":"sum","data":1'],
    ['text', '{"pattern" is no JSON'],
    ['nothing', ''],
  ])('not %s', (_, payload) => {
    expect(read(payload)).toBeUndefined();
  });

  it('not JSON in another encoding, of which a part would be lost', () => {
    expect(read(Buffer.from('{"pattern":"sum","data":"ä"}', 'latin1'))).toBeUndefined();
  });

  it('read without the keys that poison a merge', () => {
    expect(JSON.stringify(read('{"pattern":"sum","data":{"a":1,"__proto__":{"admin":true}}}'))).toBe(
      '{"pattern":"sum","data":{"a":1}}',
    );
  });

  it('read as it was written', () => {
    const envelopes = fc.record(
      { pattern: fc.constant('sum'), data: json, id, replyTo: id, metadata: fc.constant({ a: 'b' }) },
      { requiredKeys: ['pattern', 'data'] },
    );
    const property = fc.property(envelopes, (envelope) => {
      expect(read(encodeEnvelope(envelope))).toEqual(JSON.parse(JSON.stringify(envelope)));
    });
    fc.assert(property, fastCheckSettings);
  });
});

describe('the reply topic', () => {
  it("that Nest's built-in client listens to is beside the topic", () => {
    expect(nestReplyTopic('sum')).toBe('sum/reply');
  });
});

describe("a reply in Nest's form", () => {
  it.each<[string, Reply, string]>([
    ['a value', { kind: 'value', value: 1, last: false }, '{"id":"x","response":1}'],
    ['the last value', { kind: 'value', value: 1, last: true }, '{"id":"x","response":1,"isDisposed":true}'],
    ['null', { kind: 'value', value: null, last: true }, '{"id":"x","response":null,"isDisposed":true}'],
    ['no value', { kind: 'value', value: undefined, last: false }, '{"id":"x"}'],
    ['the end', { kind: 'end' }, '{"id":"x","isDisposed":true}'],
    ['an error', { kind: 'error', error: 'no' }, '{"id":"x","err":"no","isDisposed":true}'],
  ])('carries %s', (_, reply, payload) => {
    expect(encodeEnvelopeReply('x', reply)).toBe(payload);
    expect(decodeEnvelopeReply(Buffer.from(payload))).toEqual({ id: 'x', reply });
  });

  it.each([null, undefined])('says of the error %p that it is one', (error) => {
    const payload = encodeEnvelopeReply('x', { kind: 'error', error });
    expect(decodeEnvelopeReply(Buffer.from(payload))).toMatchObject({ reply: { kind: 'error' } });
  });

  it.each<[string, Reply]>([
    ['{"id":"x","response":1,"err":null}', { kind: 'value', value: 1, last: false }],
    ['{"id":"x","response":1,"isDisposed":false}', { kind: 'value', value: 1, last: false }],
    ['{"response":1,"isDisposed":true,"id":"x"}', { kind: 'value', value: 1, last: true }],
    ['{"id":"x","err":{"message":"no"},"response":1}', { kind: 'error', error: { message: 'no' } }],
    ['{"id":"x","err":"no","status":"error"}', { kind: 'error', error: 'no' }],
  ])('is %s', (payload, reply) => {
    expect(decodeEnvelopeReply(Buffer.from(payload))).toEqual({ id: 'x', reply });
  });

  it.each([
    ['an id that is a number', '{"id":7,"response":1}'],
    ['no id', '{"response":1,"isDisposed":true}'],
    ['a key that no reply has', '{"id":"x","response":1,"unit":"kWh"}'],
    ['an array', '["x"]'],
    ['JSON that breaks off', '{"id":"x"'],
    ['nothing', ''],
  ])('does not have %s', (_, payload) => {
    expect(decodeEnvelopeReply(Buffer.from(payload))).toBeUndefined();
  });

  it('is read as it was written', () => {
    const replies: fc.Arbitrary<Reply> = fc.oneof(
      fc.record({ kind: fc.constant('value' as const), value: json, last: fc.boolean() }),
      fc.record({ kind: fc.constant('error' as const), error: json.filter((error) => error !== null) }),
      fc.constant({ kind: 'end' as const }),
    );
    const property = fc.property(id, replies, (requestId, reply) => {
      const decoded = decodeEnvelopeReply(Buffer.from(encodeEnvelopeReply(requestId, reply)));
      expect(decoded).toEqual({ id: requestId, reply: JSON.parse(JSON.stringify(reply)) as Reply });
    });
    fc.assert(property, fastCheckSettings);
  });
});
