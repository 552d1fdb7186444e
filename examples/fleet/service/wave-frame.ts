import { Injectable, type PipeTransform } from '@nestjs/common';
import { FatalError } from 'nestjs-mqtt';

export interface Waves {
  readonly metres: number;
  readonly celsius: number;
}

const SIZE = 6;

/** Reads a frame of six bytes: `W`, millimetres (2), hundredths of a degree (2), and the sum of them all. */
@Injectable()
export class WaveFramePipe implements PipeTransform<Buffer, Waves> {
  /** @throws {FatalError} if the frame is damaged: it will not be whole the next time either */
  transform(frame: Buffer): Waves {
    if (frame.length !== SIZE) throw new FatalError(`The frame has ${frame.length} bytes, not ${SIZE}`);
    const sum = frame.subarray(0, SIZE - 1).reduce((all, byte) => (all + byte) & 0xff, 0);
    const checksum = frame.readUInt8(SIZE - 1);
    if (sum !== checksum) throw new FatalError(`Its checksum is ${hex(checksum)}, not ${hex(sum)}`);
    return { metres: frame.readUInt16BE(1) / 1000, celsius: frame.readInt16BE(3) / 100 };
  }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
