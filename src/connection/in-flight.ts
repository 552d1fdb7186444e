import type { MqttClient, Packet } from 'mqtt';
import { isDirect, writeDirectly } from './direct-publish.js';
import { PublishError } from '../errors.js';
import { toBuffer, toMqttJs, type OutgoingMessage, type PublishReceipt } from './outgoing-message.js';
import { describeReasonCode } from './reason-code.js';
import { MESSAGE_REMOVED } from './replay-guard.js';

interface Unsettled {
  readonly reject: (error: Error) => void;
  /** Written to a connection as QoS 0: lost with it. */
  readonly volatile: boolean;
}

/** The Reason Code of a PUBACK or PUBREC: sections 3.4.2.1 and 3.5.2.1. */
const NO_MATCHING_SUBSCRIBERS = 0x10;
const TAKEN: PublishReceipt = { noMatchingSubscribers: false };
const UNMATCHED: PublishReceipt = { noMatchingSubscribers: true };

/** What was given to MQTT.js and is not written, or not acknowledged: MQTT.js forgets it when the client ends. */
export class InFlight {
  readonly #onRelease: () => void;
  readonly #unsettled = new Set<Unsettled>();
  /** The Packet Identifiers of messages that nobody is subscribed to: MQTT.js does not tell their callbacks. */
  readonly #unmatched = new Set<number>();
  #unacknowledged = 0;

  /** @param onRelease called when one QoS 1 or QoS 2 message less is unacknowledged */
  constructor(onRelease: () => void) {
    this.#onRelease = onRelease;
  }

  /** How many QoS 1 and QoS 2 messages there are. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** For each packet, before MQTT.js looks at it. */
  onPacket(packet: Packet): void {
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec') return;
    if (packet.reasonCode === NO_MATCHING_SUBSCRIBERS) this.#unmatched.add(packet.messageId!);
  }

  /** @throws what MQTT.js throws; the message has failed then, and half of it may have been written */
  send(client: MqttClient, message: OutgoingMessage): void {
    if (isDirect(client, message.options)) this.#write(client, message);
    else this.#publish(client, message);
  }

  #write(client: MqttClient, { topic, payload, options, resolve, reject }: OutgoingMessage): void {
    if (writeDirectly(client, topic, payload, options)) {
      resolve(TAKEN);
      return;
    }
    const unsettled = { reject, volatile: true };
    this.#unsettled.add(unsettled);
    client.stream.once('drain', () => {
      if (this.#remove(unsettled)) resolve(TAKEN);
    });
  }

  #publish(client: MqttClient, { topic, payload, options, resolve, reject }: OutgoingMessage): void {
    const unsettled = { reject, volatile: !options.qos };
    const settle = (error?: Error | null, packet?: Packet): void => {
      if (!this.#remove(unsettled)) return;
      if (error) reject(toPublishError(topic, error));
      else resolve(this.#isUnmatched(packet) ? UNMATCHED : TAKEN);
      if (!unsettled.volatile) this.#onRelease();
    };
    this.#unsettled.add(unsettled);
    if (!unsettled.volatile) this.#unacknowledged++;
    try {
      client.publish(topic, toBuffer(payload), toMqttJs(options), settle);
    } catch (error) {
      this.#remove(unsettled);
      reject(toPublishError(topic, error as Error));
      throw error;
    }
  }

  /** The connection was lost: MQTT.js sends again what is QoS 1 or 2. */
  failVolatile(error: Error): void {
    for (const unsettled of this.#unsettled) if (unsettled.volatile) this.#fail(unsettled, error);
  }

  failAll(error: Error): void {
    for (const unsettled of this.#unsettled) this.#fail(unsettled, error);
    this.#unmatched.clear();
  }

  #fail(unsettled: Unsettled, error: Error): void {
    this.#remove(unsettled);
    unsettled.reject(error);
  }

  #remove(unsettled: Unsettled): boolean {
    const removed = this.#unsettled.delete(unsettled);
    if (removed && !unsettled.volatile) this.#unacknowledged--;
    return removed;
  }

  #isUnmatched(packet: Packet | undefined): boolean {
    return this.#unmatched.size > 0 && packet !== undefined && this.#unmatched.delete(packet.messageId!);
  }
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
