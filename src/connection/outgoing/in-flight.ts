import type { MqttClient, Packet } from 'mqtt';
import { isDirect, writeDirectly } from './direct-publish.js';
import { PublishError } from '../../errors.js';
import { toBuffer, toMqttJs, type OutgoingMessage, type PublishReceipt } from './outgoing-message.js';
import type { OutgoingStore } from './outgoing-store.js';
import { describeReasonCode } from '../reason-code.js';
import { MESSAGE_REMOVED } from './replay-guard.js';

/** What MQTT.js calls when the exchange of a message has ended. */
type Settle = (error?: Error | null, packet?: Packet) => void;

/** Of a PUBACK or PUBREC: sections 3.4.2.1 and 3.5.2.1. */
const NO_MATCHING_SUBSCRIBERS = 0x10;
/** Of a PUBCOMP: section 3.7.2.1. */
const PACKET_IDENTIFIER_NOT_FOUND = 0x92;
const TAKEN: PublishReceipt = { noMatchingSubscribers: false };
const UNMATCHED: PublishReceipt = { noMatchingSubscribers: true };

/** What was given to MQTT.js and is not written, or not acknowledged: MQTT.js forgets it when the client ends. */
export class InFlight {
  readonly #store: OutgoingStore;
  readonly #onRelease: () => void;
  readonly #unsettled = new Set<OutgoingMessage>();
  /** The Packet Identifiers of messages that nobody is subscribed to: MQTT.js does not tell their callbacks. */
  readonly #unmatched = new Set<number>();
  readonly #restored = new Map<number, Settle>();
  #unacknowledged = 0;

  /** @param onRelease called when one QoS 1 or QoS 2 message less is unacknowledged */
  constructor(store: OutgoingStore, onRelease: () => void) {
    this.#store = store;
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
    if (!isDirect(client, message.options)) {
      this.#publish(client, message);
      return;
    }
    try {
      this.#write(client, message);
    } catch (error) {
      message.reject(toPublishError(message.topic, error as Error)); // nothing of it was written
    }
  }

  #write(client: MqttClient, message: OutgoingMessage): void {
    const { topic, payload, options, resolve } = message;
    if (writeDirectly(client, topic, payload, options)) {
      resolve(TAKEN);
      return;
    }
    this.#unsettled.add(message);
    client.stream.once('drain', () => {
      if (this.#remove(message)) resolve(TAKEN);
    });
  }

  #publish(client: MqttClient, message: OutgoingMessage): void {
    const { topic, payload, options } = message;
    const settle = this.#enter(message);
    try {
      if (!this.#store.isPersistent || options.transient)
        client.publish(topic, toBuffer(payload), toMqttJs(options), settle);
      else this.#sendOnceWritten(client, message, settle);
    } catch (error) {
      this.#remove(message);
      message.reject(toPublishError(topic, error as Error));
      throw error;
    }
  }

  /** What was sent by a process before: MQTT.js will send it again, from the store. */
  restore(messageId: number, message: OutgoingMessage): void {
    this.#restored.set(messageId, this.#enter(message));
  }

  /** Tells MQTT.js whom to tell of what was restored. */
  adopt({ outgoing }: MqttClient): void {
    for (const [messageId, cb] of this.#restored) {
      outgoing[messageId] = { volatile: false, cmd: 'publish', cb };
    }
    this.#restored.clear();
  }

  /** The connection was lost: MQTT.js sends again what is QoS 1 or 2. */
  failVolatile(error: Error): void {
    for (const message of this.#unsettled) if (!message.options.qos) this.#fail(message, error);
  }

  failAll(error: Error): void {
    for (const message of this.#unsettled) this.#fail(message, error);
    this.#unmatched.clear();
    this.#restored.clear();
  }

  #enter(message: OutgoingMessage): Settle {
    this.#unsettled.add(message);
    if (message.options.qos) this.#unacknowledged++;
    return (error, packet) => {
      if (!this.#remove(message)) return;
      if (error && !isAlreadyComplete(error)) message.reject(toPublishError(message.topic, error));
      else message.resolve(this.#isUnmatched(packet) ? UNMATCHED : TAKEN);
      if (message.options.qos) this.#onRelease();
    };
  }

  #fail(message: OutgoingMessage, error: Error): void {
    this.#remove(message);
    message.reject(error);
  }

  #remove(message: OutgoingMessage): boolean {
    const removed = this.#unsettled.delete(message);
    if (removed && message.options.qos) this.#unacknowledged--;
    return removed;
  }

  #sendOnceWritten(
    client: MqttClient,
    { topic, payload, options, number }: OutgoingMessage,
    settle: Settle,
  ): void {
    const onFailed = (messageId: number, error: Error) => {
      Reflect.deleteProperty(client.outgoing, messageId);
      client.messageIdProvider.deallocate(messageId);
      settle(error);
    };
    this.#store.as({ number, onFailed }, () =>
      client.publish(topic, toBuffer(payload), toMqttJs(options), settle),
    );
  }

  #isUnmatched(packet: Packet | undefined): boolean {
    return this.#unmatched.size > 0 && packet !== undefined && this.#unmatched.delete(packet.messageId!);
  }
}

/** The broker no longer knows a message whose PUBREL it has had: it was sent again, in the session that it was part of. */
function isAlreadyComplete(error: Error & { readonly code?: unknown }): boolean {
  return error.code === PACKET_IDENTIFIER_NOT_FOUND;
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
