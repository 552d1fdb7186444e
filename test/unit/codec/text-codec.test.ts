import fc from 'fast-check';
import { textCodec } from '../../../src/codec/text-codec.js';
import { CodecError } from '../../../src/errors.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { thrownBy } from '../thrown-by.js';

describe('textCodec', () => {
  it('declares text/plain in UTF-8', () => {
    expect(textCodec.encode('Zähler')).toEqual({
      payload: 'Zähler',
      contentType: 'text/plain',
      payloadFormatIndicator: true,
    });
  });

  it('reads back what it wrote', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { payload, ...format } = textCodec.encode(text);
      expect(textCodec.decode(Buffer.from(payload), format)).toBe(text);
    });
    fc.assert(property, fastCheckSettings);
  });

  it.each([
    ['an empty payload', '', ''],
    ['JSON', '{"a":1}', '{"a":1}'],
    ['a null character', 'a\0b', 'a\0b'],
    ['a byte order mark, which is a character [MQTT-1.5.4-3]', '\uFEFFa', '\uFEFFa'],
  ])('reads %s as text', (_, payload, text) => {
    expect(textCodec.decode(Buffer.from(payload), {})).toBe(text);
  });

  it.each([
    ['an object', {}],
    ['a number', 1],
    ['null', null],
    ['undefined', undefined],
    ['bytes', Buffer.from('a')],
    ['a String object', Object('a')],
  ])('does not write %s', (_, value) => {
    const error = thrownBy(() => textCodec.encode(value));
    expect(error).toBeInstanceOf(CodecError);
    expect(error).toMatchObject({
      code: 'ERR_MQTT_CODEC',
      codec: 'text',
      message: `The value (${typeof value}) is not a string`,
    });
  });

  it('does not write a lone surrogate, which has no UTF-8', () => {
    expect(thrownBy(() => textCodec.encode('a\uD800'))).toMatchObject({
      code: 'ERR_MQTT_CODEC',
      codec: 'text',
    });
  });

  it.each([
    ['a byte that starts nothing', [0xff]],
    ['half a character', [0x61, 0xc3]],
    ['an overlong form', [0xc0, 0x80]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('does not read %s', (_, bytes) => {
    expect(thrownBy(() => textCodec.decode(Buffer.from(bytes), {}))).toMatchObject({
      name: 'CodecError',
      code: 'ERR_MQTT_CODEC',
      codec: 'text',
      message: 'The payload is not UTF-8',
    });
  });
});
