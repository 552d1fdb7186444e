import { CodecError } from '../errors.js';
import type { Codec } from './codec.js';

/** Bytes as they are, `application/octet-stream`: any `ArrayBuffer` or view of one out, a `Buffer` in. */
export const bytesCodec: Codec = {
  name: 'bytes',
  encode: (value) => {
    if (!isBytes(value)) throw new CodecError(`The value (${typeof value}) is not bytes`, 'bytes');
    return {
      payload: toBuffer(value),
      contentType: 'application/octet-stream',
      payloadFormatIndicator: false,
    };
  },
  decode: (payload) => payload,
};

export function isBytes(value: unknown): value is ArrayBufferView | ArrayBuffer {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

function toBuffer(bytes: ArrayBufferView | ArrayBuffer): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return ArrayBuffer.isView(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);
}
