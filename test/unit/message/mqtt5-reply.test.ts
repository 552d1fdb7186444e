import fc from 'fast-check';
import { autoCodec } from '../../../src/codec/auto-codec.js';
import type { Codec } from '../../../src/codec/codec.js';
import { jsonCodec } from '../../../src/codec/json-codec.js';
import { textCodec } from '../../../src/codec/text-codec.js';
import { CodecError } from '../../../src/errors.js';
import { decodeMqtt5Reply, encodeMqtt5Reply } from '../../../src/message/mqtt5-reply.js';
import type { Reply } from '../../../src/message/reply.js';
import { fastCheckSettings } from '../fast-check-settings.js';

const userProperties = (status: string | string[]) => ({ userProperties: { 'nest-reply': status } });

describe('an MQTT 5 reply is written', () => {
  it.each<[string, Reply, [payload: string, status?: string][]]>([
    ['a value', { kind: 'value', value: 1, last: false }, [['1', 'next']]],
    ['the last value', { kind: 'value', value: { a: 1 }, last: true }, [['{"a":1}']]],
    ['null, the last value', { kind: 'value', value: null, last: true }, [['null']]],
    ['an empty value', { kind: 'value', value: '', last: false }, [['', 'next']]],
    [
      'an empty last value',
      { kind: 'value', value: '', last: true },
      [
        ['', 'next'],
        ['', 'complete'],
      ],
    ],
    ['the end', { kind: 'end' }, [['', 'complete']]],
    ['an error', { kind: 'error', error: { message: 'no' } }, [['{"message":"no"}', 'error']]],
    ['a string as the error', { kind: 'error', error: 'no' }, [['"no"', 'error']]],
  ])('with %s', (_, reply, publications) => {
    const written = encodeMqtt5Reply(reply, autoCodec);
    expect(written.map(({ encoded }) => String(encoded.payload))).toEqual(publications.map(([text]) => text));
    expect(written.map((publication) => publication.userProperties)).toEqual(
      publications.map(([, status]) => (status === undefined ? undefined : { 'nest-reply': status })),
    );
  });

  it('with the Content Type of its value, and none at the end', () => {
    const [value] = encodeMqtt5Reply({ kind: 'value', value: 'on', last: true }, autoCodec);
    expect(value?.encoded).toEqual({
      payload: 'on',
      contentType: 'text/plain',
      payloadFormatIndicator: true,
    });
    expect(encodeMqtt5Reply({ kind: 'end' }, autoCodec)[0]?.encoded).toEqual({ payload: '' });
  });

  it("with the error as JSON, whatever the handler's codec", () => {
    const [written] = encodeMqtt5Reply({ kind: 'error', error: { a: 1 } }, textCodec);
    expect(written?.encoded).toMatchObject({ payload: '{"a":1}', contentType: 'application/json' });
  });

  it('not at all if the value has no form in the codec', () => {
    const reply: Reply = { kind: 'value', value: { a: 1 }, last: true };
    expect(() => encodeMqtt5Reply(reply, textCodec)).toThrow(CodecError);
  });

  it('also for an error that is undefined', () => {
    const [written] = encodeMqtt5Reply({ kind: 'error', error: undefined }, autoCodec);
    expect(written?.userProperties).toEqual({ 'nest-reply': 'error' });
  });
});

describe('an MQTT 5 reply is read', () => {
  it.each<[string, string, string | string[] | undefined, Reply]>([
    ['without a status as the one and last value', '1', undefined, { kind: 'value', value: 1, last: true }],
    ['"next" as a value', '1', 'next', { kind: 'value', value: 1, last: false }],
    ['an empty "next" as a value', '', 'next', { kind: 'value', value: undefined, last: false }],
    ['"complete" as the last value', '1', 'complete', { kind: 'value', value: 1, last: true }],
    ['an empty "complete" as the end', '', 'complete', { kind: 'end' }],
    ['"error" as an error', '{"a":1}', 'error', { kind: 'error', error: { a: 1 } }],
    ['an "error" that is text', 'no', 'error', { kind: 'error', error: 'no' }],
    ['an unknown status as the last value', '1', 'odd', { kind: 'value', value: 1, last: true }],
    ['two statuses as the last value', '1', ['next', 'next'], { kind: 'value', value: 1, last: true }],
    ['empty without a status as a value', '', undefined, { kind: 'value', value: undefined, last: true }],
  ])('%s', (_, payload, status, reply) => {
    const properties = status === undefined ? {} : userProperties(status);
    expect(decodeMqtt5Reply(Buffer.from(payload), properties, autoCodec)).toEqual(reply);
  });

  it('by the Content Type that it carries', () => {
    const properties = { contentType: 'text/plain', ...userProperties('next') };
    expect(decodeMqtt5Reply(Buffer.from('1'), properties, autoCodec)).toEqual({
      kind: 'value',
      value: '1',
      last: false,
    });
  });

  it("with the client's codec, strictly, but for errors", () => {
    const payload = Buffer.from('no');
    expect(() => decodeMqtt5Reply(payload, userProperties('next'), jsonCodec)).toThrow(CodecError);
    expect(decodeMqtt5Reply(payload, userProperties('error'), jsonCodec)).toEqual({
      kind: 'error',
      error: 'no',
    });
  });

  it('as it was written', () => {
    const json = fc.jsonValue().filter((value) => !/__proto__|constructor/.test(JSON.stringify(value)));
    const text = fc.string({ unit: 'binary' });
    const cases = fc.oneof(
      fc.tuple(fc.constant<Codec>(autoCodec), fc.oneof(json, text)),
      fc.tuple(fc.constant<Codec>(jsonCodec), json),
      fc.tuple(fc.constant<Codec>(textCodec), text),
    );
    const property = fc.property(cases, fc.boolean(), ([codec, value], last) => {
      const expected = JSON.parse(JSON.stringify(value)) as unknown;
      const replies = transmit({ kind: 'value', value, last }, codec);
      expect(replies[0]).toMatchObject({ kind: 'value', value: expected });
      expect(replies.map((reply) => reply.kind === 'end' || (reply.kind === 'value' && reply.last))).toEqual(
        replies.length === 1 ? [last] : [false, true],
      );
    });
    fc.assert(property, fastCheckSettings);
  });
});

function transmit(reply: Reply, codec: Codec): Reply[] {
  return encodeMqtt5Reply(reply, codec).map(({ encoded: { payload, contentType }, ...written }) => {
    const properties = { ...written, ...(contentType !== undefined && { contentType }) };
    return decodeMqtt5Reply(Buffer.from(payload), properties, codec);
  });
}
