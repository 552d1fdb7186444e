import type { Codec } from '../codec/codec.js';
import type { PublishProperties } from '../message/mqtt-record.js';
import type { OutboundPublication } from './request-dialect.js';

/** The data as it is; the properties go out on MQTT 5 only. */
export function encodeData(
  codec: Codec,
  data: unknown,
  metadata: Readonly<Record<string, string>> = {},
): OutboundPublication {
  const { payload, ...format } = codec.encode(data);
  return { payload, properties: { ...(format as PublishProperties), userProperties: { ...metadata } } };
}
