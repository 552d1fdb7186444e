import type { ISubackPacket, QoS } from 'mqtt-packet';
import type { IClientSubscribeOptions, MqttClient } from 'mqtt';
import type { ConnectionIdentity } from '../../diagnostics/connection-identity.js';
import { subscriptionAnswers } from '../../diagnostics/subscription-event.js';
import { ConnectionError, SubscriptionError, type RefusedSubscription } from '../../errors.js';
import { describeReasonCode, isFailure } from '../reason-code.js';

/** One filter of a SUBSCRIBE, with `$share/group` if it is shared. All but filter and QoS exist on MQTT 5 only. */
export interface SubscriptionRequest {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  readonly retainHandling?: 0 | 1 | 2;
  readonly identifier?: number;
}

/** What the broker granted: `qos` may be lower than the one asked for. */
export interface SubscriptionGrant {
  readonly filter: string;
  readonly requestedQos: QoS;
  readonly qos: QoS;
}

interface SubscribeSettings {
  readonly timeoutMs: number;
  readonly batchSize: number;
  /** The broker's address, for messages. */
  readonly broker: string;
  readonly identity: () => ConnectionIdentity;
}

/** How the broker answered for one filter. */
type Answer = SubscriptionGrant | RefusedSubscription;

const SHOWN_FILTERS = 10;

/**
 * Subscribes, and waits for every SUBACK. A Subscription Identifier belongs to a whole SUBSCRIBE
 * (section 3.8.2.1.2), so that filters with one are sent each by itself, all at once.
 * @throws {SubscriptionError} naming every filter that was refused or not answered
 * @throws {ConnectionError} if the connection is lost before the last SUBACK
 */
export async function subscribe(
  client: MqttClient,
  requests: readonly SubscriptionRequest[],
  settings: SubscribeSettings,
): Promise<readonly SubscriptionGrant[]> {
  const answers = await collectAnswers(client, toBatches(requests, settings.batchSize), settings);
  if (subscriptionAnswers.hasSubscribers) tell(requests, answers, settings.identity());
  const refused = answers.filter(isRefused);
  if (refused.length > 0) throw new SubscriptionError(describeRefused(refused, settings.timeoutMs), refused);
  return answers as SubscriptionGrant[];
}

async function collectAnswers(
  client: MqttClient,
  batches: readonly (readonly SubscriptionRequest[])[],
  { timeoutMs, broker }: SubscribeSettings,
): Promise<Answer[]> {
  const deadline = new Deadline(timeoutMs);
  try {
    return (
      await Promise.all(batches.map((batch) => deadline.answer(batch, sendSubscribe(client, batch))))
    ).flat();
  } catch (cause) {
    throw new ConnectionError(`The connection to ${broker} was lost while subscribing`, broker, undefined, {
      cause,
    });
  } finally {
    deadline.clear();
  }
}

function tell(
  requests: readonly SubscriptionRequest[],
  answers: readonly Answer[],
  connection: ConnectionIdentity,
): void {
  const requestedQos = new Map(requests.map(({ filter, qos }) => [filter, qos]));
  for (const answer of answers) {
    const { filter } = answer;
    const granted = isRefused(answer) ? undefined : answer.qos;
    const reasonCode = isRefused(answer) ? answer.reasonCode : undefined;
    const event = { connection, filter, requestedQos: requestedQos.get(filter)!, qos: granted, reasonCode };
    subscriptionAnswers.publish(event);
  }
}

function isRefused(answer: Answer): answer is RefusedSubscription {
  return !('qos' in answer);
}

/** What goes into one SUBSCRIBE: filters without an identifier and with the same options, up to `size` of them. */
function toBatches(requests: readonly SubscriptionRequest[], size: number): SubscriptionRequest[][] {
  const batches: SubscriptionRequest[][] = [];
  const open = new Map<string, SubscriptionRequest[]>();
  for (const request of requests) {
    if (request.identifier !== undefined) {
      batches.push([request]);
      continue;
    }
    const options = JSON.stringify({ ...request, filter: undefined });
    const batch = open.get(options);
    if (batch !== undefined && batch.length < size) batch.push(request);
    else {
      const started = [request];
      batches.push(started);
      open.set(options, started);
    }
  }
  return batches;
}

function sendSubscribe(client: MqttClient, batch: readonly SubscriptionRequest[]): Promise<Answer[]> {
  const filters = batch.map(({ filter }) => filter); // as a list: MQTT.js takes some words for options in an object
  return new Promise((resolve, reject) => {
    client.subscribe(filters, toMqttJs(batch[0]!), (error, _grants, suback) => {
      if (suback !== undefined) resolve(toAnswers(batch, suback));
      else reject(error ?? new Error('No SUBACK'));
    });
  });
}

function toMqttJs(request: SubscriptionRequest): IClientSubscribeOptions {
  const { qos, noLocal = false, retainAsPublished = false, retainHandling = 0, identifier } = request;
  const options = { qos, nl: noLocal, rap: retainAsPublished, rh: retainHandling };
  return identifier === undefined
    ? options
    : { ...options, properties: { subscriptionIdentifier: identifier } };
}

/** The codes of a SUBACK are in the order of the filters [MQTT-3.9.3-1]; one that is missing grants nothing. */
function toAnswers(batch: readonly SubscriptionRequest[], { granted }: ISubackPacket): Answer[] {
  return batch.map(({ filter, qos: requestedQos }, index) => {
    const code = granted[index] as number | undefined;
    if (code === undefined) return { filter };
    return isFailure(code) ? { filter, reasonCode: code } : { filter, requestedQos, qos: code as QoS };
  });
}

function describeRefused(refused: readonly RefusedSubscription[], timeoutMs: number): string {
  const reasons = refused.slice(0, SHOWN_FILTERS).map(({ filter, reasonCode }) => {
    const reason =
      reasonCode === undefined ? `no answer within ${timeoutMs} ms` : describeReasonCode(reasonCode);
    return `"${filter}" (${reason})`;
  });
  const more = refused.length > SHOWN_FILTERS ? ` and ${refused.length - SHOWN_FILTERS} more` : '';
  const what = refused.length === 1 ? 'the subscription to' : `${refused.length} subscriptions:`;
  const verb = refused.every(({ reasonCode }) => reasonCode === undefined) ? 'did not answer' : 'refused';
  return `The broker ${verb} ${what} ${reasons.join(', ')}${more}`;
}

/** A clock that starts again with each answer, so that many subscriptions may take longer than one. */
class Deadline {
  readonly #expired: Promise<'expired'>;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.#expired = new Promise((resolve) => {
      this.#timer = setTimeout(resolve, timeoutMs, 'expired' as const);
    });
  }

  async answer(batch: readonly SubscriptionRequest[], answered: Promise<Answer[]>): Promise<Answer[]> {
    const answers = await Promise.race([answered, this.#expired]);
    if (answers === 'expired') return batch.map(({ filter }) => ({ filter }));
    this.#timer?.refresh();
    return answers;
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
