import type { Codec } from '../codec/codec.js';
import type { PublishProperties } from '../message/mqtt-record.js';

/** A publication of its caller's own: properties may be added. */
export interface EncodedData {
  readonly payload: Buffer | string;
  readonly properties: PublishProperties;
}

/** The data as it is; the properties go out on MQTT 5 only. */
export function encodeData(
  codec: Codec,
  data: unknown,
  metadata?: Readonly<Record<string, string>>,
): EncodedData {
  const { payload, ...format } = codec.encode(data);
  const properties: PublishProperties = format as PublishProperties;
  if (metadata !== undefined) properties.userProperties = { ...metadata };
  return { payload, properties };
}
