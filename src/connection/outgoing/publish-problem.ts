import { PublishError } from '../../errors.js';
import type { MqttRecordOptions, PublishProperties } from '../../message/mqtt-record.js';
import { isUserProperties } from '../../message/user-properties.js';
import { topicNameProblem } from '../../topic/topic-name.js';

const MAX_EXPIRY_SECONDS = 0xffff_ffff;
const MAX_TOPIC_ALIAS = 65_535;
const MAX_BYTES = 65_535;
const TEXT = `a well-formed string without null characters of up to ${MAX_BYTES} bytes`;

/** A message that is not valid, before it is given to MQTT.js. */
export function cannotPublish(topic: string, problem: string, reasonCode?: number): PublishError {
  return new PublishError(`Cannot publish to "${topic}": ${problem}`, topic, reasonCode);
}

/** Why a message must not be given to MQTT.js, which would break the connection over it or never answer. */
export function publishProblem(
  protocolVersion: number | undefined,
  topic: string,
  payload: unknown,
  { qos, properties = {} }: MqttRecordOptions,
): string | undefined {
  if (typeof payload !== 'string' && !(payload instanceof Uint8Array))
    return 'the payload must be a string or bytes';
  const problem = topicNameProblem(topic) ?? qosProblem(qos);
  if (problem !== undefined || protocolVersion !== 5) return problem;
  return propertiesProblem(properties);
}

function qosProblem(qos: unknown): string | undefined {
  if (qos === undefined || qos === 0 || qos === 1 || qos === 2) return undefined;
  return `the QoS must be 0, 1 or 2, not ${JSON.stringify(qos)}`;
}

type Check = (value: unknown) => string | undefined;

/** What each property of a PUBLISH must be: section 3.3.2.3. MQTT.js writes half of a packet with a longer string. */
const CHECKS: Readonly<Record<string, Check>> = {
  payloadFormatIndicator: (value) =>
    typeof value === 'boolean' ? undefined : 'the Payload Format Indicator must be a boolean',
  messageExpiryInterval: (value) =>
    isInteger(value, 0, MAX_EXPIRY_SECONDS)
      ? undefined
      : `the message expiry must be seconds from 0 to ${MAX_EXPIRY_SECONDS}, not ${String(value)}`,
  topicAlias: (value) =>
    isInteger(value, 1, MAX_TOPIC_ALIAS)
      ? undefined
      : `the Topic Alias must be from 1 to ${MAX_TOPIC_ALIAS}, not ${String(value)}`,
  responseTopic: (value) => {
    const problem = typeof value === 'string' ? topicNameProblem(value) : 'it must be a string';
    return problem === undefined ? undefined : `the Response Topic is invalid: ${problem}`;
  },
  correlationData: (value) =>
    Buffer.isBuffer(value) && value.length <= MAX_BYTES
      ? undefined
      : `the Correlation Data must be a Buffer of up to ${MAX_BYTES} bytes`,
  userProperties: (value) =>
    isUserProperties(value) ? userPropertiesProblem(value) : 'the User Properties must be an object',
  contentType: (value) => (isText(value) ? undefined : `the Content Type must be ${TEXT}`),
};

function propertiesProblem(properties: PublishProperties): string | undefined {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
    if (check === undefined) return `"${name}" is no property of a PUBLISH`;
    const problem = check(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function userPropertiesProblem(userProperties: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, value] of Object.entries(userProperties)) {
    if (!isText(name) || ![value].flat().every(isText)) {
      return `the User Property "${name.slice(0, 100)}" must be ${TEXT}, or several`;
    }
  }
  return undefined;
}

function isInteger(value: unknown, from: number, to: number): boolean {
  return Number.isInteger(value) && (value as number) >= from && (value as number) <= to;
}

/** A UTF-8 Encoded String: section 1.5.4. */
function isText(value: unknown): boolean {
  if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) return false;
  return Buffer.byteLength(value) <= MAX_BYTES;
}
