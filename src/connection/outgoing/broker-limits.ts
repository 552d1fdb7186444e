import type { IConnackPacket } from 'mqtt-packet';
import { ConfigurationError } from '../../errors.js';
import type { MqttRecordOptions } from '../../message/mqtt-record.js';
import type { MqttConnectionOptions } from '../connection-options.js';
import { packetSizeProblem } from './packet-size.js';
import type { BrokerLimits } from './outgoing-options.js';
import {
  PACKET_TOO_LARGE,
  QOS_NOT_SUPPORTED,
  RETAIN_NOT_SUPPORTED,
  TOPIC_ALIAS_INVALID,
  TOPIC_NAME_INVALID,
} from '../reason-code.js';

/** What holds on a connection: `Infinity` where there is no limit. */
export interface LimitsInForce {
  readonly maxQos: number;
  readonly receiveMaximum: number;
  readonly maxPacketSize: number;
  readonly retainAvailable: boolean;
  readonly topicAliasMaximum: number;
  readonly topicLevels: number;
  readonly topicLength: number;
}

/** Why the broker would not take a message, and the Reason Code with which it would say so. */
interface Refusal {
  readonly problem: string;
  readonly reasonCode: number;
}

const SUBSCRIBE_BATCH_SIZE = 100;
/** Packet Identifiers are 16 bits: some are left for SUBSCRIBE and UNSUBSCRIBE. */
const MAX_IN_FLIGHT = 65_000;
/** Prefixes that AWS IoT Core does not count. */
const UNCOUNTED = /^\$(share\/[^/]*|aws\/rules\/[^/]*)\//i;

/**
 * The lower of what was told and what the CONNACK announces.
 * @param announced `undefined` while there is no connection, whose Topic Alias Maximum is not known then
 */
export function limitsInForce(told: BrokerLimits = {}, announced: IConnackPacket | undefined): LimitsInForce {
  const { maximumQoS, receiveMaximum, maximumPacketSize, retainAvailable, topicAliasMaximum } =
    announced?.properties ?? {};
  return {
    maxQos: lower(told.maxQos, maximumQoS),
    receiveMaximum: Math.min(lower(told.receiveMaximum, receiveMaximum), MAX_IN_FLIGHT),
    maxPacketSize: lower(told.maxPacketSize, maximumPacketSize),
    retainAvailable: told.retainAvailable !== false && retainAvailable !== false,
    topicAliasMaximum: announced === undefined ? Infinity : (topicAliasMaximum ?? 0),
    topicLevels: told.topicLevels ?? Infinity,
    topicLength: told.topicLength ?? Infinity,
  };
}

/** Why the broker would not take this message, and would mostly close the connection over it. */
export function refusalOf(
  limits: LimitsInForce,
  protocolVersion: number | undefined,
  topic: string,
  payload: string | Uint8Array,
  options: MqttRecordOptions,
): Refusal | undefined {
  const { qos = 0, retain, properties } = options;
  if (qos > limits.maxQos) return { problem: tooHigh(qos, limits), reasonCode: QOS_NOT_SUPPORTED };
  if (retain && !limits.retainAvailable)
    return { problem: 'the broker keeps no retained messages', reasonCode: RETAIN_NOT_SUPPORTED };
  if (properties?.topicAlias !== undefined && protocolVersion === 5) {
    const problem = topicAliasProblem(properties.topicAlias, limits.topicAliasMaximum);
    if (problem !== undefined) return { problem, reasonCode: TOPIC_ALIAS_INVALID };
  }
  const problem = topicLimitProblem(limits, topic);
  if (problem !== undefined) return { problem, reasonCode: TOPIC_NAME_INVALID };
  const excess = packetSizeProblem(limits.maxPacketSize, protocolVersion, topic, payload, options);
  return excess === undefined ? undefined : { problem: excess, reasonCode: PACKET_TOO_LARGE };
}

/** @throws {ConfigurationError} if a Topic Filter is longer, or deeper, than the broker was said to take */
export function checkFilters(
  limits: BrokerLimits | undefined,
  requests: readonly { readonly filter: string }[],
): void {
  for (const { filter } of limits === undefined ? [] : requests) {
    const problem = topicLimitProblem(limits!, filter);
    if (problem !== undefined) throw new ConfigurationError(`Cannot subscribe to "${filter}": ${problem}`);
  }
}

/** How many filters go into one SUBSCRIBE or UNSUBSCRIBE. */
export function filtersPerPacket({ subscribeBatchSize, limits }: MqttConnectionOptions): number {
  return Math.min(subscribeBatchSize ?? SUBSCRIBE_BATCH_SIZE, limits?.subscriptionsPerPacket ?? Infinity);
}

/** Which limit a Topic Name or Topic Filter exceeds. */
function topicLimitProblem(
  { topicLevels = Infinity, topicLength = Infinity }: Pick<BrokerLimits, 'topicLevels' | 'topicLength'>,
  topic: string,
): string | undefined {
  if (topicLevels === Infinity && topicLength === Infinity) return undefined;
  const counted = topic.replace(UNCOUNTED, '');
  const levels = counted.split('/').length;
  if (levels > topicLevels)
    return `its ${levels} levels are more than the ${topicLevels} of limits.topicLevels`;
  const length = Buffer.byteLength(counted);
  if (length > topicLength)
    return `its ${length} bytes are more than the ${topicLength} of limits.topicLength`;
  return undefined;
}

function lower(told = Infinity, announced = Infinity): number {
  return Math.min(told, announced);
}

function tooHigh(qos: number, { maxQos }: LimitsInForce): string {
  return `the broker takes QoS ${maxQos} at most, not ${qos} (the option maxQos: 'downgrade' would send it with that)`;
}

function topicAliasProblem(alias: number, maximum: number): string | undefined {
  if (alias <= maximum) return undefined;
  return `the Topic Alias must be from 1 to the broker's maximum of ${maximum}, not ${alias}`;
}
