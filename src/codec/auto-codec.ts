import { isUtf8 } from 'node:buffer';
import { bytesCodec, isBytes } from './bytes-codec.js';
import type { Codec, PayloadFormat } from './codec.js';
import { jsonCodec, parseJson } from './json-codec.js';
import { textCodec } from './text-codec.js';

const JSON_TYPE = /^application\/([\w.+-]+\+)?json$/;
const TEXT_TYPE = /^(text\/.*|application\/([\w.-]+\+)?xml)$/;
/** Spares plain text the cost of an exception. */
const MAY_BE_JSON = /^\s*[[{"\d\-tfn]/;

/**
 * The default. Out: bytes as they are, a string as its UTF-8, `undefined` as an empty payload, anything else as JSON.
 * In: what the Content Type says, if there is one that is a MIME type; else `undefined` for an empty payload, JSON if
 * it parses, text if it is UTF-8, else a `Buffer`.
 */
export const autoCodec: Codec = {
  name: 'auto',
  encode: (value) => {
    if (value === undefined) return { payload: '' };
    if (typeof value === 'string') return textCodec.encode(value);
    return isBytes(value) ? bytesCodec.encode(value) : jsonCodec.encode(value);
  },
  decode: (payload, format) => {
    const codec = declaredCodec(format);
    return codec === undefined ? guess(payload) : codec.decode(payload, format);
  },
};

/** The codec of a Content Type that is a MIME type: a bare word such as "json" declares nothing. */
function declaredCodec({ contentType, payloadFormatIndicator }: PayloadFormat): Codec | undefined {
  const type = contentType?.split(';', 1)[0]!.trim().toLowerCase();
  if (type === undefined || !type.includes('/')) return undefined;
  if (JSON_TYPE.test(type)) return jsonCodec;
  return TEXT_TYPE.test(type) || payloadFormatIndicator === true ? textCodec : bytesCodec;
}

function guess(payload: Buffer): unknown {
  if (payload.length === 0) return undefined;
  if (!isUtf8(payload)) return payload;
  const text = payload.toString('utf8');
  if (!MAY_BE_JSON.test(text)) return text;
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
