import type { MqttClient } from 'mqtt';
import type { QoS } from 'mqtt-packet';
import { ConnectionError, QueueFullError } from '../errors.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { limitsInForce, refusalOf, type LimitsInForce } from './broker-limits.js';
import type { MqttConnectionOptions } from './connection-options.js';
import { endClient } from './end-client.js';
import { InFlight } from './in-flight.js';
import { checkOutgoingOptions } from './outgoing-options.js';
import { afterWaiting, type OutgoingMessage, type PublishReceipt } from './outgoing-message.js';
import { packetSizeAtMost } from './packet-size.js';
import { cannotPublish, publishProblem } from './publish-problem.js';
import { guardReplay } from './replay-guard.js';
import { WaitingLine, type Waiting } from './waiting-line.js';

export type { PublishReceipt } from './outgoing-message.js';

interface WaitingMessage extends Waiting {
  readonly message: OutgoingMessage;
  readonly sinceMs: number;
}

/**
 * Publishes while the connection is up, and keeps in line what comes while it is not, or while as many messages are
 * unacknowledged as the broker takes: MQTT.js would hold any number of them, and does not keep to the Receive Maximum.
 */
export class Publisher {
  readonly #address: string;
  readonly #options: MqttConnectionOptions;
  readonly #line: WaitingLine<WaitingMessage>;
  readonly #inFlight = new InFlight(() => this.#advance());
  #limits: LimitsInForce;
  /** The client that is connected, once it has sent again what was unacknowledged before. */
  #ready: MqttClient | undefined;
  #onStill: (() => void) | undefined;

  /** @throws {ConfigurationError} */
  constructor(address: string, options: MqttConnectionOptions) {
    checkOutgoingOptions(options);
    this.#address = address;
    this.#options = options;
    this.#line = new WaitingLine(options.offline);
    this.#limits = limitsInForce(options.limits, undefined);
  }

  /** Before anything is published with this client. */
  watch(client: MqttClient): void {
    guardReplay(client, this.#options.maxPublishAttempts);
    client.on('packetreceive', (packet) => this.#inFlight.onPacket(packet));
    client.on('connect', (connack) => {
      this.#limits = limitsInForce(this.#options.limits, connack);
      this.#ready = client;
      this.#advance();
    });
    client.on('close', () => {
      if (this.#ready === client) this.#stop();
    });
  }

  /**
   * @throws {PublishError}
   * @throws {QueueFullError}
   */
  async publish(
    client: MqttClient,
    topic: string,
    payload: Buffer | string,
    given: MqttRecordOptions,
  ): Promise<PublishReceipt> {
    const problem = publishProblem(client.options.protocolVersion, topic, payload, given);
    if (problem !== undefined) throw cannotPublish(topic, problem);
    const options = this.#withTakenQos(given);
    this.#check(client, topic, payload, options);
    return new Promise((resolve, reject) => {
      const message = { topic, payload, options, resolve, reject };
      if (this.#maySend(client, options.qos)) this.#send(client, message);
      else this.#wait(client, message);
    });
  }

  /** The connection was lost. */
  onLost(): void {
    this.#inFlight.failVolatile(this.#connectionError('was lost before the message was written'));
  }

  /** Ends the client when what waits is sent and acknowledged, or when there is no connection, or at the deadline. */
  async end(client: MqttClient, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    if (this.#ready === client && this.#line.size > 0) await this.#still(timeoutMs);
    await endClient(client, deadline - performance.now());
    const error = this.#connectionError('was closed before the message was acknowledged');
    this.#inFlight.failAll(error);
    for (const { message } of this.#line.clear()) message.reject(error);
  }

  #check(client: MqttClient, topic: string, payload: Buffer | string, options: MqttRecordOptions): void {
    const refusal = refusalOf(this.#limits, client.options.protocolVersion, topic, payload, options);
    if (refusal !== undefined) throw cannotPublish(topic, refusal.problem, refusal.reasonCode);
  }

  /** QoS 0 does not wait for the acknowledgements of others. */
  #maySend(client: MqttClient, qos = 0): boolean {
    if (client.disconnecting) return true; // it was ended through unwrap(): MQTT.js refuses the message
    if (this.#ready !== client || !client.connected) return false;
    return qos === 0 || (this.#line.size === 0 && this.#hasRoom);
  }

  get #hasRoom(): boolean {
    return this.#inFlight.unacknowledged < this.#limits.receiveMaximum;
  }

  #send(client: MqttClient, message: OutgoingMessage): void {
    try {
      this.#inFlight.send(client, message);
    } catch {
      this.#stop();
      client.stream.destroy(); // half a packet may be on its way
    }
  }

  #wait(client: MqttClient, message: OutgoingMessage): void {
    const { topic, options } = message;
    if (!options.qos && this.#options.queueQoSZero === false) {
      message.reject(cannotPublish(topic, 'there is no connection, and queueQoSZero is false'));
      return;
    }
    const bytes = packetSizeAtMost(client.options.protocolVersion, topic, message.payload, options);
    const payload = copyOf(message.payload); // the caller may use its buffer again
    const waiting = {
      message: { ...message, payload },
      sinceMs: Date.now(),
      confirmed: !!options.qos,
      bytes,
    };
    for (const refused of this.#line.enter(waiting)) {
      refused.message.reject(this.#queueFull(refused, refused !== waiting));
    }
  }

  /** Sends of the line what may be sent. */
  #advance(): void {
    for (let client = this.#ready; client?.connected && !client.disconnecting; client = this.#ready) {
      const next = this.#line.take(this.#hasRoom);
      if (next === undefined) break;
      this.#resume(client, next);
    }
    if (this.#line.size === 0) this.#onStill?.();
  }

  /** What this connection takes may not be what the one before took. */
  #resume(client: MqttClient, { message, sinceMs }: WaitingMessage): void {
    const { topic, payload } = message;
    try {
      const options = afterWaiting(this.#withTakenQos(message.options), Date.now() - sinceMs);
      if (options === undefined) throw cannotPublish(topic, 'it expired while it waited to be sent');
      this.#check(client, topic, payload, options);
      this.#send(client, { ...message, options });
    } catch (error) {
      message.reject(error as Error);
    }
  }

  #stop(): void {
    this.#ready = undefined;
    this.#limits = limitsInForce(this.#options.limits, undefined);
    this.#onStill?.();
  }

  /** Resolves when nothing waits, or nothing moves any more. */
  async #still(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
      this.#onStill = resolve;
    });
    clearTimeout(timer);
    this.#onStill = undefined;
  }

  #withTakenQos(options: MqttRecordOptions): MqttRecordOptions {
    const { maxQos } = this.#limits;
    if (this.#options.maxQos !== 'downgrade' || (options.qos ?? 0) <= maxQos) return options;
    return { ...options, qos: maxQos as QoS };
  }

  #queueFull({ message: { topic } }: WaitingMessage, isOlder: boolean): QueueFullError {
    const what = isOlder ? 'had to make room for a newer one' : 'cannot wait to be sent';
    const limit = `${this.#line.maxMessages} messages or ${this.#line.maxBytes} bytes`;
    return new QueueFullError(`The message to "${topic}" ${what}: ${limit} wait, as many as may`, topic);
  }

  #connectionError(what: string): ConnectionError {
    return new ConnectionError(`The connection to ${this.#address} ${what}`, this.#address);
  }
}

function copyOf(payload: Buffer | string): Buffer | string {
  return typeof payload === 'string' ? payload : Buffer.from(payload);
}
