import type { IClientPublishOptions, MqttClient } from 'mqtt';
import { ConnectionError, PublishError } from '../errors.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { topicNameProblem } from '../topic/topic-name.js';
import { describeReasonCode } from './reason-code.js';

/** Publishes, and knows what has not been acknowledged: MQTT.js forgets it when the client ends. */
export class Publisher {
  readonly #address: string;
  readonly #unsettled = new Set<(error: Error) => void>();

  constructor(address: string) {
    this.#address = address;
  }

  /** @throws {PublishError} */
  publish(
    client: MqttClient,
    topic: string,
    payload: Buffer | string,
    options: MqttRecordOptions,
  ): Promise<void> {
    const problem = topicNameProblem(topic) ?? qosProblem(options.qos);
    if (problem !== undefined) throw new PublishError(`Cannot publish to "${topic}": ${problem}`, topic);
    return new Promise((resolve, reject) => {
      this.#unsettled.add(reject);
      client.publish(topic, payload, toMqttJs(options), (error) => {
        this.#unsettled.delete(reject);
        if (error) reject(toPublishError(topic, error));
        else resolve();
      });
    });
  }

  /** Fails what is still on its way. */
  abandon(): void {
    const error = new ConnectionError(
      `The connection to ${this.#address} was closed before the message was acknowledged`,
      this.#address,
    );
    for (const reject of this.#unsettled) reject(error);
    this.#unsettled.clear();
  }
}

/** MQTT.js takes an option that is `undefined`, and User Properties that are empty, for a value. */
function toMqttJs({
  qos = 0,
  retain = false,
  dup = false,
  properties = {},
}: MqttRecordOptions): IClientPublishOptions {
  const given = Object.entries(properties).filter(
    ([name, value]) => value !== undefined && !isEmptyBag(name, value),
  );
  return { qos, retain, dup, ...(given.length > 0 && { properties: Object.fromEntries(given) }) };
}

function isEmptyBag(name: string, value: unknown): boolean {
  return name === 'userProperties' && Object.keys(value as object).length === 0;
}

function qosProblem(qos: unknown): string | undefined {
  if (qos === undefined || qos === 0 || qos === 1 || qos === 2) return undefined;
  return `the QoS must be 0, 1 or 2, not ${JSON.stringify(qos)}`;
}

function toPublishError(topic: string, cause: Error & { readonly code?: unknown }): PublishError {
  if (typeof cause.code !== 'number') {
    return new PublishError(
      `The message to "${topic}" could not be published: ${cause.message}`,
      topic,
      undefined,
      {
        cause,
      },
    );
  }
  const reason = describeReasonCode(cause.code);
  return new PublishError(`The broker refused the message to "${topic}" (${reason})`, topic, cause.code, {
    cause,
  });
}
