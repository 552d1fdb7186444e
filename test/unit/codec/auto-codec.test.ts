import fc from 'fast-check';
import { autoCodec } from '../../../src/codec/auto-codec.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { thrownBy } from '../thrown-by.js';

const LATIN1 = Buffer.from('ä', 'latin1');

describe('autoCodec writes', () => {
  const json = { contentType: 'application/json', payloadFormatIndicator: true };
  const text = { contentType: 'text/plain', payloadFormatIndicator: true };
  const bytes = { contentType: 'application/octet-stream', payloadFormatIndicator: false };

  it.each([
    ['an object', { a: 1 }, { payload: '{"a":1}', ...json }],
    ['an array', [1, 'a'], { payload: '[1,"a"]', ...json }],
    ['a number', 21.5, { payload: '21.5', ...json }],
    ['a boolean', false, { payload: 'false', ...json }],
    ['null', null, { payload: 'null', ...json }],
    ['a Date', new Date(0), { payload: '"1970-01-01T00:00:00.000Z"', ...json }],
    ['a string', 'ON', { payload: 'ON', ...text }],
    ['a string of JSON', '{"a":1}', { payload: '{"a":1}', ...text }],
    ['an empty string', '', { payload: '', ...text }],
    ['a Buffer', LATIN1, { payload: LATIN1, ...bytes }],
    ['an Uint8Array', new Uint8Array([1, 2]), { payload: Buffer.from([1, 2]), ...bytes }],
    ['undefined', undefined, { payload: '' }],
  ])('%s', (_, value, encoded) => {
    expect(autoCodec.encode(value)).toStrictEqual(encoded);
  });

  it.each([
    ['a BigInt', 1n, 'json'],
    ['a symbol', Symbol('a'), 'json'],
    ['a lone surrogate', '\uDC00', 'text'],
  ])('not %s', (_, value, codec) => {
    expect(thrownBy(() => autoCodec.encode(value))).toMatchObject({ name: 'CodecError', codec });
  });
});

describe('autoCodec reads without a Content Type', () => {
  it.each([
    ['', undefined],
    ['{"a":1}', { a: 1 }],
    ['[1]', [1]],
    [' \r\n\t{"a":1}\n', { a: 1 }],
    ['21.5', 21.5],
    ['-1', -1],
    ['true', true],
    ['null', null],
    ['"ON"', 'ON'],
    ['\uFEFF{"a":1}', { a: 1 }],
    ['{"__proto__":{"admin":true},"a":1}', { a: 1 }],
    ['ON', 'ON'],
    ['{a:1}', '{a:1}'],
    ['{"a":1', '{"a":1'],
    ['2024-11-07', '2024-11-07'],
    ['true story', 'true story'],
    ['-', '-'],
    ['.5', '.5'],
    ['NaN', 'NaN'],
    ['null\0', 'null\0'],
    [' ', ' '],
    ['\uFEFFON', '\uFEFFON'],
    ['<a/>', '<a/>'],
  ])('%j as %j', (payload, value) => {
    expect(autoCodec.decode(Buffer.from(payload), {})).toStrictEqual(value);
  });

  it.each([
    ['Latin-1', LATIN1],
    ['JSON in Latin-1', Buffer.from('{"a":"ä"}', 'latin1')],
    ['half a character', Buffer.from([0x61, 0xe2, 0x82])],
    ['Protobuf', Buffer.from([0x08, 0x96, 0x01])],
  ])('%s as a Buffer of the same bytes', (_, payload) => {
    expect(autoCodec.decode(payload, {})).toEqual(payload);
    expect(autoCodec.decode(payload, { payloadFormatIndicator: false })).toEqual(payload);
  });
});

describe('autoCodec reads by Content Type', () => {
  it.each([
    ['application/json', '"21"', '21'],
    ['application/json; charset=utf-8', '{"a":1}', { a: 1 }],
    ['Application/JSON;charset="utf-8"', '[1]', [1]],
    [' application/json ', 'null', null],
    ['application/senml+json', '[{"n":"t","v":1}]', [{ n: 't', v: 1 }]],
    ['application/vnd.api+json;version=1', '{"a":1}', { a: 1 }],
    ['application/vc+ld+json', '{"a":1}', { a: 1 }],
    ['text/plain', '21', '21'],
    ['text/plain; charset=utf-8', '{"a":1}', '{"a":1}'],
    ['text/csv', '1,2', '1,2'],
    ['TEXT/HTML', '<p>', '<p>'],
    ['application/xml', '<a/>', '<a/>'],
    ['application/soap+xml', '<a/>', '<a/>'],
    ['text/plain', '', ''],
    ['application/octet-stream', '{"a":1}', Buffer.from('{"a":1}')],
    ['application/octet-stream', '', Buffer.alloc(0)],
    ['application/cbor', 'a', Buffer.from('a')],
    ['application/jsonlines', '1', Buffer.from('1')],
    ['image/png', '', Buffer.alloc(0)],
  ])('"%s" %j as %j', (contentType, payload, value) => {
    expect(autoCodec.decode(Buffer.from(payload), { contentType })).toStrictEqual(value);
  });

  it.each([
    ['application/vnd.acme', true, 'a'],
    ['application/vnd.acme', false, Buffer.from('a')],
    ['application/octet-stream', true, 'a'],
    ['text/plain', false, 'a'],
  ])('"%s" with the Payload Format Indicator %s as %j', (contentType, payloadFormatIndicator, value) => {
    const format = { contentType, payloadFormatIndicator };
    expect(autoCodec.decode(Buffer.from('a'), format)).toEqual(value);
  });

  it.each(['', 'json', 'text', 'JSON; charset=utf-8', 'utf-8', ';'])(
    '"%s" as no declaration, for it is no MIME type',
    (contentType) => {
      expect(autoCodec.decode(Buffer.from('{"a":1}'), { contentType })).toEqual({ a: 1 });
      expect(autoCodec.decode(Buffer.from('ON'), { contentType })).toBe('ON');
      expect(autoCodec.decode(LATIN1, { contentType })).toEqual(LATIN1);
      expect(autoCodec.decode(Buffer.alloc(0), { contentType })).toBeUndefined();
    },
  );

  it.each([
    ['application/json', 'hello', 'json', 'The payload is not JSON: '],
    ['application/json', '', 'json', 'The payload is not JSON: '],
    ['application/senml+json', LATIN1, 'json', 'The payload is not UTF-8'],
    ['text/plain', LATIN1, 'text', 'The payload is not UTF-8'],
    ['application/xml', LATIN1, 'text', 'The payload is not UTF-8'],
  ])('"%s" strictly', (contentType, payload, codec, message) => {
    expect(thrownBy(() => autoCodec.decode(Buffer.from(payload), { contentType }))).toMatchObject({
      name: 'CodecError',
      code: 'ERR_MQTT_CODEC',
      codec,
      message: expect.stringContaining(message) as string,
    });
  });

  it('a payload that is not the UTF-8 of its Payload Format Indicator as an error', () => {
    const format = { contentType: 'application/vnd.acme', payloadFormatIndicator: true };
    expect(thrownBy(() => autoCodec.decode(LATIN1, format))).toMatchObject({ name: 'CodecError' });
  });
});

describe('autoCodec reads back', () => {
  const harmless = fc.jsonValue().filter((value) => !/__proto__|constructor/.test(JSON.stringify(value)));
  const bytes = fc.uint8Array().map((array) => Buffer.from(array));
  const values = fc.oneof(harmless, fc.string({ unit: 'binary' }), bytes);

  it('what it wrote, with the format of MQTT 5', () => {
    const property = fc.property(values, (value) => {
      const { payload, ...format } = autoCodec.encode(value);
      expect(autoCodec.decode(Buffer.from(payload), format)).toEqual(normalized(value));
    });
    fc.assert(property, fastCheckSettings);
  });

  it('JSON that it wrote, without a format as on MQTT 3.1.1', () => {
    const objects = harmless.filter((value) => typeof value !== 'string');
    const property = fc.property(objects, (value) => {
      const { payload } = autoCodec.encode(value);
      expect(autoCodec.decode(Buffer.from(payload), {})).toEqual(normalized(value));
    });
    fc.assert(property, fastCheckSettings);
  });

  it('any payload without an error if nothing is declared', () => {
    const property = fc.property(fc.uint8Array(), (payload) => {
      expect(() => autoCodec.decode(Buffer.from(payload), {})).not.toThrow();
    });
    fc.assert(property, fastCheckSettings);
  });
});

/** JSON has no -0. */
function normalized(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value : (JSON.parse(JSON.stringify(value)) as unknown);
}
