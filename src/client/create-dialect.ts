import { autoCodec } from '../codec/auto-codec.js';
import type { ClientMqttOptions } from './client-options.js';
import { EnvelopeDialect } from './envelope-dialect.js';
import { Mqtt5Dialect } from './mqtt5-dialect.js';
import { NestDialect } from './nest-dialect.js';
import type { RequestDialect } from './request-dialect.js';
import { SerializedDialect } from './serialized-dialect.js';

/** The dialect that the options and the protocol version ask for. */
export function createDialect(
  options: ClientMqttOptions,
  protocolVersion: number,
  replyTopic: string,
): RequestDialect {
  const { serializer, deserializer } = options;
  if (serializer === undefined && deserializer === undefined)
    return plainDialect(options, protocolVersion, replyTopic);
  const dialect =
    serializer === undefined
      ? plainDialect(options, protocolVersion, replyTopic)
      : dialectBehind(options, protocolVersion, replyTopic);
  return new SerializedDialect(dialect, serializer, deserializer);
}

/** What a serializer writes on MQTT 3.1.1 has no room for a reply topic but Nest's own. */
function dialectBehind(
  { wireFormat }: ClientMqttOptions,
  protocolVersion: number,
  replyTopic: string,
): RequestDialect {
  const hasResponseTopic = protocolVersion === 5 && wireFormat !== 'nest';
  return hasResponseTopic ? new Mqtt5Dialect(replyTopic, autoCodec) : new NestDialect();
}

function plainDialect(
  { wireFormat, codec = autoCodec }: ClientMqttOptions,
  protocolVersion: number,
  replyTopic: string,
): RequestDialect {
  if (wireFormat === 'nest') return new NestDialect();
  return protocolVersion === 5 ? new Mqtt5Dialect(replyTopic, codec) : new EnvelopeDialect(replyTopic, codec);
}
