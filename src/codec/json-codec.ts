import secureJson from 'secure-json-parse';
import { CodecError } from '../errors.js';
import type { Codec } from './codec.js';
import { readText } from './text-codec.js';

/**
 * JSON in UTF-8, `application/json`. Keys that would reach a prototype when the value is merged (`__proto__`, and
 * `constructor` with a `prototype` in it) are dropped when it is read.
 */
export const jsonCodec: Codec = {
  name: 'json',
  encode: (value) => ({
    payload: writeJson(value),
    contentType: 'application/json',
    payloadFormatIndicator: true,
  }),
  decode: (payload) => readJson(readText(payload, 'json')),
};

/** @throws {CodecError} */
export function readJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new CodecError(`The payload is not JSON: ${(cause as Error).message}`, 'json', { cause });
  }
}

/** @throws {SyntaxError} */
export function parseJson(text: string): unknown {
  return secureJson.parse(text, { protoAction: 'remove', constructorAction: 'remove' });
}

function writeJson(value: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error; // a cycle, a BigInt, a toJSON() that throws, too many levels
  }
  if (text !== undefined) return text;
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  throw new CodecError(`The value (${typeof value}) cannot be written as JSON${why}`, 'json', { cause });
}
