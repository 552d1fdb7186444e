/** A PUBLISH, read to the letter of section 3.3 without any library. */
export interface ReadPublish {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  /** In their order; a User Property is a name and a value. */
  readonly properties: readonly (readonly [name: string, value: unknown])[];
  readonly payload: Buffer;
}

const PUBLISH = 3;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Finds the PUBLISHes among the packets of a stream, as it comes. */
export class PublishReader {
  readonly #protocolVersion: 4 | 5;
  #rest = Buffer.alloc(0);

  constructor(protocolVersion: 4 | 5) {
    this.#protocolVersion = protocolVersion;
  }

  /** @throws if one of them is malformed */
  read(bytes: Buffer): ReadPublish[] {
    const publishes: ReadPublish[] = [];
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const reader = new Reader(this.#rest.subarray(1));
      const length = reader.left === 0 ? undefined : reader.variable();
      if (length === undefined || reader.left < length) return publishes;
      const body = new Reader(reader.take(length));
      if (this.#rest[0]! >> 4 === PUBLISH)
        publishes.push(readPublish(this.#rest[0]!, body, this.#protocolVersion));
      this.#rest = Buffer.from(reader.take(reader.left));
    }
  }
}

function readPublish(header: number, body: Reader, protocolVersion: 4 | 5): ReadPublish {
  const qos = (header >> 1) & 3;
  const topic = body.text();
  if (qos > 0 && body.number(2) === 0) throw new Error('The Packet Identifier is 0');
  const properties = protocolVersion === 5 ? readProperties(body) : [];
  return {
    topic,
    qos,
    retain: (header & 1) === 1,
    dup: (header & 8) === 8,
    properties,
    payload: body.take(body.left),
  };
}

function readProperties(body: Reader): ReadPublish['properties'] {
  const length = body.variable() ?? raise('The properties have no length');
  const reader = new Reader(body.take(length));
  const properties: (readonly [string, unknown])[] = [];
  while (reader.left > 0) {
    const identifier = reader.number(1);
    const [name, read] = PROPERTIES[identifier] ?? raise(`0x${identifier.toString(16)} is no property`);
    properties.push([name, read(reader)]);
  }
  return properties;
}

/** Section 3.3.2.3. */
const PROPERTIES: Readonly<Record<number, readonly [string, (reader: Reader) => unknown]>> = {
  0x01: ['payloadFormatIndicator', (reader) => [false, true][reader.number(1)] ?? raise('It is a byte')],
  0x02: ['messageExpiryInterval', (reader) => reader.number(4)],
  0x03: ['contentType', (reader) => reader.text()],
  0x08: ['responseTopic', (reader) => reader.text()],
  0x09: ['correlationData', (reader) => reader.take(reader.number(2))],
  0x23: ['topicAlias', (reader) => reader.number(2)],
  0x26: ['userProperties', (reader) => [reader.text(), reader.text()]],
};

class Reader {
  #at = 0;

  constructor(readonly bytes: Buffer) {}

  get left(): number {
    return this.bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new Error(`${length} bytes are more than the ${this.left} that are left`);
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  number(size: number): number {
    return this.take(size).readUIntBE(0, size);
  }

  /** A Variable Byte Integer, `undefined` if it is not complete: section 1.5.5. */
  variable(): number | undefined {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.left === 0) return undefined;
      const byte = this.number(1);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('A Variable Byte Integer has more than four bytes');
  }

  /** A UTF-8 Encoded String: section 1.5.4. */
  text(): string {
    const text = utf8.decode(this.take(this.number(2)));
    if (text.includes('\0')) throw new Error('A string has a null character');
    return text;
  }
}

function raise(message: string): never {
  throw new Error(message);
}
