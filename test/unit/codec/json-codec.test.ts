import fc from 'fast-check';
import { jsonCodec } from '../../../src/codec/json-codec.js';
import { CodecError } from '../../../src/errors.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { thrownBy } from '../thrown-by.js';

const decode = (text: string) => jsonCodec.decode(Buffer.from(text), {});

describe('jsonCodec', () => {
  it('declares application/json in UTF-8', () => {
    expect(jsonCodec.encode({ a: 'ä' })).toEqual({
      payload: '{"a":"ä"}',
      contentType: 'application/json',
      payloadFormatIndicator: true,
    });
  });

  it('reads back what it wrote', () => {
    const values = fc.jsonValue({ stringUnit: 'binary' });
    const property = fc.property(values, (value) => {
      const { payload, ...format } = jsonCodec.encode(value);
      const read = jsonCodec.decode(Buffer.from(payload), format);
      expect(read).toEqual(withoutPoison(JSON.parse(payload as string)));
    });
    fc.assert(property, fastCheckSettings);
  });

  it.each([
    ['null', null],
    [' [1, 2.5e3]\n', [1, 2500]],
    ['"\\ud83d\\ude00"', '😀'],
    ['\uFEFF{"a":1}', { a: 1 }],
  ])('reads %j', (text, value) => {
    expect(decode(text)).toEqual(value);
  });

  it.each(['', ' ', 'hello', '{a:1}', "{'a':1}", '{"a":1', '{"a":1}{', 'NaN', '01', '[1,]'])(
    'does not read %j',
    (text) => {
      const error = thrownBy(() => decode(text));
      expect(error).toBeInstanceOf(CodecError);
      expect(error).toMatchObject({ name: 'CodecError', code: 'ERR_MQTT_CODEC', codec: 'json' });
      expect((error as CodecError).message).toMatch(/^The payload is not JSON: ./);
      expect((error as CodecError).cause).toMatchObject({ name: 'SyntaxError' });
    },
  );

  it('does not read JSON in Latin-1', () => {
    expect(thrownBy(() => jsonCodec.decode(Buffer.from('"ä"', 'latin1'), {}))).toMatchObject({
      name: 'CodecError',
      codec: 'json',
      message: 'The payload is not UTF-8',
    });
  });

  it('does not read the UTF-16 of a Windows device', () => {
    expect(() => jsonCodec.decode(Buffer.from('{"a":1}', 'utf16le'), {})).toThrow(CodecError);
  });

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
  ])('does not write %s', (_, value) => {
    expect(thrownBy(() => jsonCodec.encode(value))).toMatchObject({
      name: 'CodecError',
      code: 'ERR_MQTT_CODEC',
      codec: 'json',
      message: `The value (${typeof value}) cannot be written as JSON`,
    });
  });

  it.each([
    ['a BigInt', 1n, 'BigInt'],
    ['a BigInt inside', { a: [1n] }, 'BigInt'],
    ['a cycle', cycle(), 'circular'],
    ['what its toJSON() fails for', { toJSON: () => thrower('no form') }, 'no form'],
  ])('does not write %s, and says why', (_, value, reason) => {
    const error = thrownBy(() => jsonCodec.encode(value)) as CodecError;
    expect(error).toMatchObject({ name: 'CodecError', code: 'ERR_MQTT_CODEC', codec: 'json' });
    expect(error.message).toContain(`The value (${typeof value}) cannot be written as JSON: `);
    expect(error.message).toContain(reason);
    expect((error.cause as Error).message).toContain(reason);
  });

  it('reads 100,000 nested arrays', () => {
    let value = decode(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    let levels = 0;
    for (; Array.isArray(value); value = value[0] as unknown) levels += 1;
    expect(levels).toBe(100_000);
  });

  it('fails with nothing but a CodecError on 100,000 nested arrays', () => {
    let value: unknown[] = [];
    for (let level = 1; level < 100_000; level++) value = [value];
    // newer versions of V8 can write them
    const outcome = outcomeOf(() => jsonCodec.encode(value).payload.length === 200_000);
    expect([true, 'CodecError']).toContain(outcome);
  });
});

describe('the keys that poison a merge', () => {
  it.each([
    ['{"__proto__":{"admin":true},"a":1}', '{"a":1}'],
    ['{"a":{"b":[{"__proto__":{"admin":true}}]}}', '{"a":{"b":[{}]}}'],
    ['{"__proto__":null}', '{}'],
    ['{"\\u005f_pr\\u006fto__":{"admin":true}}', '{}'],
    ['{"__proto__" : 1, "__proto__":2}', '{}'],
    ['{"constructor":{"prototype":{"admin":true}},"a":1}', '{"a":1}'],
    ['[[{"constructor":{"prototype":null}}]]', '[[{}]]'],
    ['{"c\\u006fnstructor":{"prototype":1}}', '{}'],
    ['{"constructor":{"__proto__":{"prototype":1}}}', '{"constructor":{}}'],
  ])('are dropped: %s is read as %s', (text, rest) => {
    expect(JSON.stringify(decode(text))).toBe(rest);
  });

  it.each([
    '"__proto__"',
    '{"a":"__proto__"}',
    '{"constructor":"Bosch"}',
    '{"constructor":null}',
    '{"constructor":{"name":"Bosch"}}',
    '{"prototype":{"a":1}}',
    '{"hasOwnProperty":1,"toString":2,"valueOf":3}',
  ])('are not %s', (text) => {
    expect(JSON.stringify(decode(text))).toBe(text);
  });

  it('are dropped below 100,000 nested arrays', () => {
    let value = decode(`${'['.repeat(100_000)}{"__proto__":1}${']'.repeat(100_000)}`);
    while (Array.isArray(value)) value = value[0] as unknown;
    expect(JSON.stringify(value)).toBe('{}');
  });

  it('are dropped wherever they are', () => {
    const key = fc.constantFrom('a', '__proto__', 'constructor', 'prototype');
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof({ maxDepth: 5 }, fc.integer(), fc.array(tie('tree'), { maxLength: 2 }), object(tie)),
    }));
    function object(tie: (name: 'tree') => fc.Arbitrary<unknown>) {
      return fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }).map(Object.fromEntries);
    }
    const property = fc.property(tree, (value) => {
      const text = JSON.stringify(value);
      expect(JSON.stringify(decode(text))).toBe(JSON.stringify(withoutPoison(value)));
    });
    fc.assert(property, fastCheckSettings);
  });
});

function withoutPoison(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPoison);
  if (typeof value !== 'object' || value === null) return value;
  const harmless = Object.entries(value).filter(
    ([key, child]) => key !== '__proto__' && !(key === 'constructor' && hasPrototype(child)),
  );
  return Object.fromEntries(harmless.map(([key, child]) => [key, withoutPoison(child)]));
}

function hasPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}

function cycle(): object {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}

function thrower(message: string): never {
  throw new Error(message);
}

function outcomeOf(run: () => boolean): unknown {
  try {
    return run();
  } catch (error) {
    return (error as Error).name;
  }
}
