import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { autoCodec } from '../../src/codec/auto-codec.js';
import { bytesCodec } from '../../src/codec/bytes-codec.js';
import type { Codec, EncodedPayload, PayloadFormat } from '../../src/codec/codec.js';
import { jsonCodec } from '../../src/codec/json-codec.js';
import { textCodec } from '../../src/codec/text-codec.js';
import { CodecError } from '../../src/errors.js';
import { anyText, payloads } from './arbitraries.js';
import { fuzzSettings } from './fuzz-settings.js';

const CODECS: readonly Codec[] = [autoCodec, bytesCodec, jsonCodec, textCodec];
const codecs = fc.constantFrom(...CODECS);
const EXOTIC: fc.ObjectConstraints = {
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
};

const type = fc.constantFrom('application', 'text', 'image', '', 'Text');
const subtype = fc.constantFrom(
  'json',
  'xml',
  'plain',
  'senml+json',
  '+json',
  'a+b+xml',
  'octet-stream',
  '*',
  '',
);
const parameters = fc.constantFrom('', ';', '; charset=utf-8', ';charset="\\"', ' ');
const contentTypes = fc.oneof(
  anyText,
  fc.tuple(type, fc.constantFrom('/', '', '//'), subtype, parameters).map((parts) => parts.join('')),
);
const formats: fc.Arbitrary<PayloadFormat> = fc.record(
  { contentType: contentTypes, payloadFormatIndicator: fc.boolean() },
  { requiredKeys: [] },
);

describe('a codec', () => {
  it('reads any payload of any format, or fails with a CodecError', () => {
    const property = fc.property(codecs, payloads(), formats, (codec, payload, format) => {
      const before = Buffer.from(payload);
      expect(outcomeOf(() => codec.decode(payload, format))).not.toBeInstanceOf(OtherError);
      expect(payload.equals(before)).toBe(true);
    });
    fc.assert(property, fuzzSettings(2000));
  });

  it('writes anything, or fails with a CodecError', () => {
    const values = fc.oneof(anyText, fc.anything(EXOTIC), fc.constantFrom(...hostileObjects()));
    const property = fc.property(codecs, values, (codec, value) => {
      const written = outcomeOf(() => codec.encode(value));
      if (written instanceof CodecError) return;
      const { payload, payloadFormatIndicator } = written as EncodedPayload;
      expect(typeof payload === 'string' || Buffer.isBuffer(payload)).toBe(true);
      if (payloadFormatIndicator === true) expect(String(payload).isWellFormed()).toBe(true);
    });
    fc.assert(property, fuzzSettings(2000));
  });

  it('writes again what it has read, so that it is read as the same', () => {
    const property = fc.property(codecs, payloads(), formats, (codec, payload, format) => {
      const value = outcomeOf(() => codec.decode(payload, format));
      fc.pre(!(value instanceof CodecError));
      const { payload: written, ...writtenFormat } = codec.encode(value);
      expect(codec.decode(Buffer.from(written), writtenFormat)).toEqual(withoutNegativeZero(value));
    });
    fc.assert(property, fuzzSettings(1000));
  });
});

describe('autoCodec', () => {
  it('fails only where a Content Type says what the payload is not', () => {
    const property = fc.property(payloads(), formats, (payload, format) => {
      const value = outcomeOf(() => autoCodec.decode(payload, format));
      if (value instanceof CodecError) expect(format.contentType).toContain('/');
      else if (Buffer.isBuffer(value)) expect(value.equals(payload)).toBe(true);
      else expect(isUtf8(payload)).toBe(true);
    });
    fc.assert(property, fuzzSettings(1000));
  });
});

/** An error of another class than the one that is announced. */
class OtherError {
  constructor(readonly error: unknown) {}
}

function outcomeOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error instanceof CodecError ? error : new OtherError(error);
  }
}

function hostileObjects(): readonly unknown[] {
  const cycle: Record<string, unknown> = {};
  cycle['cycle'] = cycle;
  const thrower = (): never => {
    throw new TypeError('hostile');
  };
  const deep = '['.repeat(20_000);
  return [
    cycle,
    { toJSON: thrower },
    { toJSON: () => undefined },
    Object.defineProperty({}, 'getter', { get: thrower, enumerable: true }),
    new Proxy({}, { ownKeys: thrower }),
    JSON.parse(deep + deep.replaceAll('[', ']')),
    Symbol('hostile'),
    thrower,
    new SharedArrayBuffer(2),
    new DataView(new ArrayBuffer(4), 1, 2),
  ];
}

/** JSON has no -0. */
function withoutNegativeZero(value: unknown): unknown {
  return value === undefined || Buffer.isBuffer(value) ? value : JSON.parse(JSON.stringify(value));
}
