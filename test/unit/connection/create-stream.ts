import { Duplex } from 'node:stream';
import { parser, type Packet } from 'mqtt-packet';

/** A stream that keeps what is written to it. */
export class RecordedStream extends Duplex {
  readonly writes: Buffer[] = [];
  readonly #protocolVersion: 4 | 5;

  constructor(protocolVersion: 4 | 5) {
    super();
    this.#protocolVersion = protocolVersion;
  }

  packets(): (Packet & { readonly reasonCode?: number })[] {
    const packets: Packet[] = [];
    const stream = parser({ protocolVersion: this.#protocolVersion });
    stream.on('packet', (packet) => packets.push(packet));
    for (const bytes of this.writes) stream.parse(bytes);
    return packets;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.writes.push(chunk);
    done();
  }
}

export function createStream(protocolVersion: 4 | 5): RecordedStream {
  return new RecordedStream(protocolVersion);
}
