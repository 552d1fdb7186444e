import fc from 'fast-check';
import { bytesCodec } from '../../../src/codec/bytes-codec.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { thrownBy } from '../thrown-by.js';

const { buffer } = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]);

describe('bytesCodec', () => {
  it('declares application/octet-stream, and no UTF-8', () => {
    expect(bytesCodec.encode(Buffer.from('a'))).toEqual({
      payload: Buffer.from('a'),
      contentType: 'application/octet-stream',
      payloadFormatIndicator: false,
    });
  });

  it.each([
    ['a Buffer', Buffer.from(buffer, 2, 3), [2, 3, 4]],
    ['an Uint8Array', new Uint8Array(buffer, 1, 2), [1, 2]],
    ['an Uint16Array', new Uint16Array(buffer, 2, 2), [2, 3, 4, 5]],
    ['a DataView', new DataView(buffer, 5, 3), [5, 6, 7]],
    ['an ArrayBuffer', buffer, [0, 1, 2, 3, 4, 5, 6, 7]],
    ['no bytes', new Uint8Array(), []],
  ])('writes the bytes of %s', (_, value, bytes) => {
    const { payload } = bytesCodec.encode(value);
    expect(Buffer.isBuffer(payload)).toBe(true);
    expect([...Buffer.from(payload)]).toEqual(bytes);
  });

  it('reads back what it wrote, as a Buffer', () => {
    const property = fc.property(fc.uint8Array(), (bytes) => {
      const { payload, ...format } = bytesCodec.encode(bytes);
      expect(bytesCodec.decode(Buffer.from(payload), format)).toEqual(Buffer.from(bytes));
    });
    fc.assert(property, fastCheckSettings);
  });

  it('reads anything as bytes, whatever its Content Type', () => {
    const payload = Buffer.from('{"a":1}');
    expect(bytesCodec.decode(payload, { contentType: 'application/json' })).toEqual(payload);
    expect(bytesCodec.decode(Buffer.alloc(0), {})).toEqual(Buffer.alloc(0));
  });

  it.each([
    ['a string', 'a'],
    ['an array of numbers', [1, 2]],
    ['undefined', undefined],
    ['null', null],
    ["JSON's form of a Buffer", { type: 'Buffer', data: [1] }],
  ])('does not write %s', (_, value) => {
    expect(thrownBy(() => bytesCodec.encode(value))).toMatchObject({
      name: 'CodecError',
      code: 'ERR_MQTT_CODEC',
      codec: 'bytes',
      message: `The value (${typeof value}) is not bytes`,
    });
  });
});
