import { isUtf8 } from 'node:buffer';
import { CodecError } from '../errors.js';
import type { Codec } from './codec.js';

/** Strings in UTF-8, `text/plain`. Anything but a string is a {@link CodecError}. */
export const textCodec: Codec = {
  name: 'text',
  encode: (value) => {
    if (typeof value !== 'string')
      throw new CodecError(`The value (${typeof value}) is not a string`, 'text');
    if (!value.isWellFormed())
      throw new CodecError('The string has a lone surrogate, which has no UTF-8', 'text');
    return { payload: value, contentType: 'text/plain', payloadFormatIndicator: true };
  },
  decode: (payload) => readText(payload, 'text'),
};

/** @throws {CodecError} in the name of `codec` */
export function readText(payload: Buffer, codec: string): string {
  if (!isUtf8(payload)) throw new CodecError('The payload is not UTF-8', codec);
  return payload.toString('utf8');
}
