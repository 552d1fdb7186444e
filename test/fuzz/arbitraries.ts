import fc from 'fast-check';

/** Any sequence of 16-bit units: half surrogate pairs, null and control characters among them. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat(0xffff), { maxLength: 10 }).map((units) => String.fromCharCode(...units)),
);

/** Keys with which a careless merge, lookup or cast goes wrong, among harmless ones. */
export const poisonousKeys: fc.Arbitrary<string> = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'valueOf',
  'toJSON',
  'then',
  'length',
  'id',
  'data',
  'pattern',
  '',
  '0',
);

/** What JSON can hold, with those keys. */
export const poisonousJson: fc.Arbitrary<unknown> = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.array(fc.tuple(poisonousKeys, tie('tree')), { maxLength: 4 }).map(Object.fromEntries),
  ),
})).tree;

/** Objects that have some of these keys, with values of any type. */
export function objectsWith(...keys: readonly string[]): fc.Arbitrary<unknown> {
  const value = fc.oneof(fc.string(), poisonousJson, fc.constantFrom(...keys, 'sum', 'many', 0, -1, 1e9));
  const entry = fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...keys) }, poisonousKeys), value);
  return fc.array(entry, { maxLength: keys.length + 1 }).map(Object.fromEntries);
}

/** Payloads: bytes, text, JSON, and JSON that is cut or has a byte changed. */
export function payloads(json: fc.Arbitrary<unknown> = poisonousJson): fc.Arbitrary<Buffer> {
  const written = json.map((value) => Buffer.from(JSON.stringify(value)));
  return fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    anyText.map((text) => Buffer.from(text)),
    written,
    fc.tuple(written, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => changed(bytes, at, byte)),
    fc.tuple(written, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length)),
  );
}

function changed(bytes: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at % bytes.length] = byte;
  return copy;
}
