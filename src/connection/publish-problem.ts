import type { IConnackPacket } from 'mqtt';
import type { MqttRecordOptions, PublishProperties } from '../message/mqtt-record.js';
import { topicNameProblem } from '../topic/topic-name.js';

type BrokerLimits = IConnackPacket['properties'];

const MAX_EXPIRY_SECONDS = 0xffff_ffff;

/** Why a message must not be given to MQTT.js, which would break the connection over it or never answer. */
export function publishProblem(
  topic: string,
  payload: unknown,
  { qos, properties = {} }: MqttRecordOptions,
  limits: BrokerLimits,
): string | undefined {
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload))
    return 'the payload must be a string or a Buffer';
  return topicNameProblem(topic) ?? qosProblem(qos) ?? propertiesProblem(properties, limits);
}

function qosProblem(qos: unknown): string | undefined {
  if (qos === undefined || qos === 0 || qos === 1 || qos === 2) return undefined;
  return `the QoS must be 0, 1 or 2, not ${JSON.stringify(qos)}`;
}

function propertiesProblem(properties: PublishProperties, limits: BrokerLimits): string | undefined {
  const {
    messageExpiryInterval: expiry,
    topicAlias,
    contentType,
    responseTopic,
    userProperties = {},
  } = properties;
  if (expiry !== undefined && !isInteger(expiry, 0, MAX_EXPIRY_SECONDS)) {
    return `the message expiry must be seconds from 0 to ${MAX_EXPIRY_SECONDS}, not ${expiry}`;
  }
  const maximum = limits?.topicAliasMaximum ?? 0;
  if (topicAlias !== undefined && !isInteger(topicAlias, 1, maximum)) {
    return `the Topic Alias must be from 1 to the broker's maximum of ${maximum}, not ${topicAlias}`;
  }
  if (!isText(contentType)) return 'the Content Type must be a string';
  if (!isText(responseTopic)) return 'the Response Topic must be a string';
  const name = Object.keys(userProperties).find(
    (key) => ![userProperties[key]].flat().every((value) => isString(value)),
  );
  return name && `the User Property "${name}" must be a string, or several`;
}

function isInteger(value: number, from: number, to: number): boolean {
  return Number.isInteger(value) && value >= from && value <= to;
}

function isText(value: unknown): boolean {
  return value === undefined || isString(value);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}
