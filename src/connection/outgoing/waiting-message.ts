import type { MqttRecordOptions } from '../../message/mqtt-record.js';
import { cannotPublish } from './publish-problem.js';
import { afterWaiting, toPacket, type OutgoingMessage } from './outgoing-message.js';
import type { OutgoingStore } from './outgoing-store.js';
import { packetSizeAtMost } from './packet-size.js';
import type { Waiting } from './waiting-line.js';

/** A message that waits to be sent: on disk too, if there is an outbox and it has QoS 1 or 2. */
export class WaitingMessage implements Waiting {
  readonly message: OutgoingMessage;
  readonly confirmed: boolean;
  readonly bytes: number;
  readonly #protocolVersion: number | undefined;
  readonly #sinceMs: number;
  #number: number | undefined;
  #hasFailed = false;

  constructor(message: OutgoingMessage, protocolVersion: number | undefined, sinceMs = Date.now()) {
    const { topic, payload, options, number } = message;
    this.message = { ...message, payload: copyOf(payload) }; // the caller may use its buffer again
    this.confirmed = !!options.qos;
    this.bytes = packetSizeAtMost(protocolVersion, topic, payload, options);
    this.#protocolVersion = protocolVersion;
    this.#sinceMs = sinceMs;
    this.#number = number;
  }

  /** What cannot be written fails, and is not sent. */
  keepIn(store: OutgoingStore): void {
    if (!this.confirmed || this.message.options.transient) return;
    const kept = store.keep(toPacket(this.message, this.#protocolVersion), this.#sinceMs);
    this.#number = kept?.number;
    kept?.written.catch((error: unknown) => {
      this.#hasFailed = true;
      this.message.reject(cannotPublish(this.message.topic, (error as Error).message));
    });
  }

  /** Takes it from the disk. */
  forgetIn(store: OutgoingStore): void {
    store.forget(this.#number);
  }

  /**
   * As it is to be sent now; `undefined` if it has failed.
   * @throws {PublishError} if it has expired
   */
  toSend(options: MqttRecordOptions): OutgoingMessage | undefined {
    if (this.#hasFailed) return undefined;
    const left = afterWaiting(options, Date.now() - this.#sinceMs);
    if (left === undefined) throw cannotPublish(this.message.topic, 'it expired while it waited to be sent');
    return { ...this.message, options: left, number: this.#number };
  }
}

function copyOf(payload: Buffer | string): Buffer | string {
  return typeof payload === 'string' ? payload : Buffer.from(payload);
}
