import type { IClientPublishOptions, MqttClient } from 'mqtt';
import type { QoS } from 'mqtt-packet';
import { ConnectionError, PublishError } from '../errors.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { limitsInForce, refusalOf, type LimitsInForce } from './broker-limits.js';
import { checkOutgoingOptions, type OutgoingOptions } from './outgoing-options.js';
import { presentProperties } from './present-properties.js';
import { cannotPublish, publishProblem } from './publish-problem.js';
import { describeReasonCode } from './reason-code.js';
import { guardReplay, MESSAGE_REMOVED } from './replay-guard.js';

/** What the broker said of a message that it took. */
export interface PublishReceipt {
  /** Nobody is subscribed to its topic: a broker may say so on MQTT 5, for QoS 1 and 2. */
  readonly noMatchingSubscribers: boolean;
}

interface Unsettled {
  readonly reject: (error: Error) => void;
  /** Written to a connection as QoS 0: lost with it. */
  readonly volatile: boolean;
}

/** The Reason Code of a PUBACK or PUBREC: sections 3.4.2.1 and 3.5.2.1. */
const NO_MATCHING_SUBSCRIBERS = 0x10;
const TAKEN: PublishReceipt = { noMatchingSubscribers: false };
const UNMATCHED: PublishReceipt = { noMatchingSubscribers: true };

/** Publishes, and knows what has not been acknowledged: MQTT.js forgets it when the client ends. */
export class Publisher {
  readonly #address: string;
  readonly #options: OutgoingOptions;
  #limits: LimitsInForce;
  readonly #unsettled = new Set<Unsettled>();
  /** The callbacks of messages that nobody is subscribed to: MQTT.js does not tell them. */
  readonly #unmatched = new WeakSet<object>();

  /** @throws {ConfigurationError} */
  constructor(address: string, options: OutgoingOptions) {
    checkOutgoingOptions(options);
    this.#address = address;
    this.#options = options;
    this.#limits = limitsInForce(options.limits, undefined);
  }

  /** Before anything is published with this client. */
  watch(client: MqttClient): void {
    guardReplay(client);
    client.on('connect', (connack) => (this.#limits = limitsInForce(this.#options.limits, connack)));
    client.on('close', () => (this.#limits = limitsInForce(this.#options.limits, undefined)));
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec') return;
      if (packet.reasonCode !== NO_MATCHING_SUBSCRIBERS) return;
      const outgoing = client.outgoing[packet.messageId!];
      if (outgoing !== undefined) this.#unmatched.add(outgoing.cb);
    });
  }

  /** @throws {PublishError} */
  async publish(
    client: MqttClient,
    topic: string,
    payload: Buffer | string,
    given: MqttRecordOptions,
  ): Promise<PublishReceipt> {
    const { protocolVersion } = client.options;
    const problem = publishProblem(protocolVersion, topic, payload, given);
    if (problem !== undefined) throw cannotPublish(topic, problem);
    const options = this.#withTakenQos(given);
    const refusal = refusalOf(this.#limits, protocolVersion, topic, payload, options);
    if (refusal !== undefined) throw cannotPublish(topic, refusal.problem, refusal.reasonCode);
    return new Promise((resolve, reject) => {
      const unsettled = { reject, volatile: client.connected && !options.qos };
      const settle = (error?: Error | null): void => {
        this.#unsettled.delete(unsettled);
        if (error) reject(toPublishError(topic, error));
        else resolve(this.#unmatched.has(settle) ? UNMATCHED : TAKEN);
      };
      this.#unsettled.add(unsettled);
      try {
        client.publish(topic, toBuffer(payload), toMqttJs(options), settle);
      } catch (error) {
        settle(error as Error);
        client.stream.destroy(); // half a packet may be on its way
      }
    });
  }

  /** The connection was lost: MQTT.js sends again what is QoS 1 or 2, or was not sent yet. */
  onLost(): void {
    this.#fail(({ volatile }) => volatile, 'was lost before the message was written');
  }

  /** Fails what is still on its way. */
  abandon(): void {
    this.#fail(() => true, 'was closed before the message was acknowledged');
  }

  #withTakenQos(options: MqttRecordOptions): MqttRecordOptions {
    const { maxQos } = this.#limits;
    if (this.#options.maxQos !== 'downgrade' || (options.qos ?? 0) <= maxQos) return options;
    return { ...options, qos: maxQos as QoS };
  }

  #fail(which: (unsettled: Unsettled) => boolean, what: string): void {
    const failing = [...this.#unsettled].filter(which);
    for (const unsettled of failing) {
      this.#unsettled.delete(unsettled);
      unsettled.reject(new ConnectionError(`The connection to ${this.#address} ${what}`, this.#address));
    }
  }
}

/** A serializer may give any view of bytes. */
function toBuffer(payload: Uint8Array | string): Buffer | string {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload;
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

function toMqttJs({
  qos = 0,
  retain = false,
  dup = false,
  ...options
}: MqttRecordOptions): IClientPublishOptions {
  const properties = presentProperties(options.properties);
  return { qos, retain, dup, ...(properties && { properties }) };
}

function toPublishError(topic: string, cause: Error & { readonly code?: unknown }): PublishError {
  if (typeof cause.code === 'number') {
    const reason = describeReasonCode(cause.code);
    return new PublishError(`The broker refused the message to "${topic}" (${reason})`, topic, cause.code, {
      cause,
    });
  }
  const removed = cause.message === MESSAGE_REMOVED;
  const why = removed ? 'the broker closed the connection each time it was sent' : cause.message;
  return new PublishError(`The message to "${topic}" could not be published: ${why}`, topic, undefined, {
    cause,
  });
}
