import fc from 'fast-check';

/** The bytes of a PUBLISH that breaks a rule, which its kind names. */
export interface MalformedPublish {
  readonly kind: string;
  readonly bytes: Buffer;
}

/** A PUBLISH in its parts: section 3.3. */
interface Parts {
  /** DUP, QoS and RETAIN. */
  readonly flags: number;
  readonly topic: Buffer;
  readonly packetIdentifier: number;
  /** Each with its identifier in front; MQTT 5 only. */
  readonly properties: readonly Buffer[];
  readonly payload: Buffer;
}

type Change<T> = (given: T) => fc.Arbitrary<T>;

const MAX_LENGTH = 268_435_455;
const IDENTIFIERS_OF_PUBLISH = [0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26];
/** Overlong, cut, half a surrogate pair, beyond Unicode, no UTF-8 at all, the null character. */
const NO_UTF8 = ['c080', 'e282', 'eda080', 'f4908080', 'ff', '61fe62', '00'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

const NO_TOPIC = ['', '+', 'a/#', '\u0001', '$SYS'];

/**
 * Malformed PUBLISHes of all kinds to a topic.
 * @param correlationData of the requests that a reply may be for
 */
export function malformedPublishes(
  protocolVersion: 4 | 5,
  topic: string,
  correlationData: Buffer,
): fc.Arbitrary<MalformedPublish> {
  const valid = parts(protocolVersion, topic, correlationData);
  const encode = (given: Parts): Buffer => frame(given.flags, bodyOf(given, protocolVersion));
  const changes = { ...CHANGES, ...(protocolVersion === 5 && CHANGES_OF_MQTT5) };
  const wrongParts = Object.entries(changes).map(([kind, change]) =>
    valid.chain(change).map((given) => ({ kind, bytes: encode(given) })),
  );
  const wrongBytes = Object.entries(CHANGES_OF_BYTES).map(([kind, change]) =>
    valid.chain((given) => change(encode(given))).map((bytes) => ({ kind, bytes })),
  );
  const wrongLengths = valid.chain((given) =>
    propertyLengths(given).map((body) => ({
      kind: 'length of the properties',
      bytes: frame(given.flags, body),
    })),
  );
  return fc.oneof(...wrongParts, ...wrongBytes, ...(protocolVersion === 5 ? [wrongLengths] : []));
}

function parts(protocolVersion: 4 | 5, topic: string, correlationData: Buffer): fc.Arbitrary<Parts> {
  const text = fc.string({ maxLength: 10 }).map((value) => field(Buffer.from(value)));
  const property = fc.oneof(
    fc.constantFrom(0, 1).map((value) => [0x01, value]),
    fc.nat().map((value) => [0x02, ...number(value, 4)]),
    text.map((value) => [0x03, ...value]),
    text.map((value) => [0x08, ...value]),
    fc.constant([0x09, ...field(correlationData)]),
    fc.integer({ min: 1, max: 10 }).map((value) => [0x23, ...number(value, 2)]),
    fc.tuple(text, text).map(([name, value]) => [0x26, ...name, ...value]),
  );
  const properties = fc
    .uniqueArray(
      property.map((bytes) => Buffer.from(bytes)),
      { selector: (bytes) => bytes[0], maxLength: 5 },
    )
    .map((list) => (protocolVersion === 5 ? list : []));
  return fc.record({
    flags: fc.tuple(fc.constantFrom(0, 8), fc.constantFrom(0, 2, 4), fc.constantFrom(0, 1)).map(sum),
    topic: fc.constant(Buffer.from(topic)),
    packetIdentifier: fc.integer({ min: 1, max: 30_000 }),
    properties,
    payload: fc.oneof(fc.json(), fc.string()).map((value) => Buffer.from(value)),
  });
}

const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes));

const CHANGES: Readonly<Record<string, Change<Parts>>> = {
  'QoS 3': (given) => fc.constant({ ...given, flags: given.flags | 6 }),
  'Packet Identifier 0': (given) =>
    fc.constantFrom(2, 4).map((flags) => ({ ...given, flags, packetIdentifier: 0 })),
  'bad UTF-8 in the topic': (given) =>
    fc.constantFrom(...NO_UTF8).map((bytes) => ({ ...given, topic: Buffer.concat([given.topic, bytes]) })),
  'a topic that none may be': (given) =>
    fc.constantFrom(...NO_TOPIC, '/', 'x'.repeat(65_535)).map((topic) => ({
      ...given,
      topic: Buffer.from(topic),
    })),
};

const CHANGES_OF_MQTT5: Readonly<Record<string, Change<Parts>>> = {
  'bad UTF-8 in a property': adding(
    fc
      .tuple(fc.constantFrom(0x03, 0x08, 0x26), fc.constantFrom(...NO_UTF8))
      .map(([identifier, bytes]) => [
        identifier,
        ...field(bytes),
        ...(identifier === 0x26 ? field(bytes) : []),
      ]),
  ),
  'a Response Topic that none may be': adding(
    fc.constantFrom(...NO_TOPIC, 'x'.repeat(65_535)).map((topic) => [0x08, ...field(Buffer.from(topic))]),
  ),
  'a property that is none': adding(
    fc
      .tuple(fc.nat(255), anyBytes)
      .filter(([identifier]) => !IDENTIFIERS_OF_PUBLISH.includes(identifier))
      .map(([identifier, bytes]) => [identifier, ...bytes]),
  ),
  'a property with another value': adding(
    fc
      .tuple(fc.constantFrom(...IDENTIFIERS_OF_PUBLISH), anyBytes)
      .map(([identifier, bytes]) => [identifier, ...bytes]),
  ),
  'properties twice': (given) =>
    fc.integer({ min: 1, max: 3 }).map((times) => ({
      ...given,
      properties: Array.from({ length: times + 1 }, () => given.properties).flat(),
    })),
  'a Payload Format Indicator above 1': adding(
    fc.integer({ min: 2, max: 255 }).map((value) => [0x01, value]),
  ),
  'Topic Alias 0': adding(fc.constant([0x23, 0, 0])),
  'a Topic Alias above the maximum': adding(
    fc.integer({ min: 11, max: 65_535 }).map((alias) => [0x23, ...number(alias, 2)]),
  ),
  'a Topic Alias that stands for nothing': (given) =>
    fc.integer({ min: 1, max: 10 }).map((alias) => ({
      ...given,
      topic: Buffer.alloc(0),
      properties: [...given.properties, Buffer.from([0x23, 0, alias])],
    })),
  'Subscription Identifier 0': adding(fc.constant([0x0b, 0])),
  'Subscription Identifiers of nobody': adding(
    fc.array(fc.nat(MAX_LENGTH), { minLength: 1 }).map((ids) => ids.flatMap((id) => [0x0b, ...variable(id)])),
  ),
  'a Subscription Identifier that does not end': adding(fc.constant([0x0b, 0xff, 0xff, 0xff, 0xff, 0x7f])),
  'a property that is longer than the packet': adding(
    fc
      .tuple(fc.constantFrom(0x03, 0x08, 0x09, 0x26), fc.integer({ min: 100, max: 65_535 }))
      .map(([identifier, length]) => [identifier, ...number(length, 2), 0x61]),
  ),
};

const CHANGES_OF_BYTES: Readonly<Record<string, Change<Buffer>>> = {
  'other bytes': (bytes) =>
    fc
      .array(fc.tuple(fc.integer({ min: 1, max: bytes.length - 1 }), fc.nat(255)), {
        minLength: 1,
        maxLength: 4,
      })
      .map((edits) => edited(bytes, edits)),
  'any bytes': (bytes) =>
    fc.uint8Array({ maxLength: 60 }).map((body) => frame(bytes[0]! & 0x0f, Buffer.from(body))),
  'an end that is missing': (bytes) =>
    fc.nat(bytes.length).map((length) => frame(bytes[0]! & 0x0f, bodyIn(bytes).subarray(0, length))),
  'a shorter length': (bytes) =>
    fc.nat(bodyIn(bytes).length).map((length) => frame(bytes[0]! & 0x0f, bodyIn(bytes), length)),
  'a longer length': (bytes) =>
    fc
      .oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(20_000, 10_000_000, MAX_LENGTH - 70_000))
      .map((more) => frame(bytes[0]! & 0x0f, bodyIn(bytes), bodyIn(bytes).length + more)),
  'a length that does not end': (bytes) =>
    fc.constant(Buffer.from([bytes[0]!, 0xff, 0xff, 0xff, 0xff, 0x7f, ...bodyIn(bytes)])),
};

/** The Variable Byte Integer in front of the properties says something else. */
function propertyLengths(given: Parts): fc.Arbitrary<Buffer> {
  const properties = Buffer.concat(given.properties);
  const lengths = fc.oneof(
    fc.nat(properties.length + 100).map(variable),
    fc.constantFrom(variable(MAX_LENGTH), [0xff, 0xff, 0xff, 0xff, 0x7f], [0x80]),
  );
  return lengths.map((length) => Buffer.from([...headOf(given), ...length, ...properties, ...given.payload]));
}

function adding(property: fc.Arbitrary<readonly number[]>): Change<Parts> {
  return (given) =>
    property.map((bytes) => ({ ...given, properties: [...given.properties, Buffer.from(bytes)] }));
}

function bodyOf(given: Parts, protocolVersion: 4 | 5): Buffer {
  const properties = Buffer.concat(given.properties);
  const length = protocolVersion === 5 ? variable(properties.length) : [];
  return Buffer.concat([Buffer.from([...headOf(given), ...length]), properties, given.payload]);
}

function headOf({ flags, topic, packetIdentifier }: Parts): readonly number[] {
  return [...field(topic), ...((flags & 6) === 0 ? [] : number(packetIdentifier, 2))];
}

function frame(flags: number, body: Buffer, length = body.length): Buffer {
  return Buffer.concat([Buffer.from([0x30 | flags, ...variable(length)]), body]);
}

function bodyIn(bytes: Buffer): Buffer {
  return bytes.subarray(1 + bytes.subarray(1).findIndex((byte) => byte < 0x80) + 1);
}

function edited(bytes: Buffer, edits: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const [at, byte] of edits) copy[at] = byte;
  return copy;
}

/** A Variable Byte Integer: section 1.5.5. */
function variable(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...variable(value >> 7)];
}

function field(bytes: Buffer): readonly number[] {
  return [...number(bytes.length, 2), ...bytes];
}

function number(value: number, size: number): readonly number[] {
  return Array.from({ length: size }, (_, index) => (value >>> (8 * (size - 1 - index))) & 0xff);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
