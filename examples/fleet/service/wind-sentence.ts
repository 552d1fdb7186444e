import { Injectable, type PipeTransform } from '@nestjs/common';
import { FatalError } from 'nestjs-mqtt';

export interface Wind {
  readonly degrees: number;
  readonly metresPerSecond: number;
}

const WIMWV = /^\$WIMWV,(\d+),T,([\d.]+),M,A\*[0-9A-F]{2}$/;

/** Reads a sentence of NMEA 0183: `$WIMWV,235,T,7.5,M,A*1F`. */
@Injectable()
export class WindSentencePipe implements PipeTransform<string, Wind> {
  transform(sentence: string): Wind {
    const [, degrees, metresPerSecond] = WIMWV.exec(sentence) ?? [];
    if (degrees === undefined) throw new FatalError(`"${sentence}" is no sentence about the wind`);
    return { degrees: Number(degrees), metresPerSecond: Number(metresPerSecond) };
  }
}
