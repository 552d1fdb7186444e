import type { LoggerService } from '@nestjs/common';
import type { IStore, MqttClient } from 'mqtt';
import type { IConnackPacket, Packet, QoS } from 'mqtt-packet';
import { ConnectionError, describeError, QueueFullError } from '../../errors.js';
import type { MqttRecordOptions } from '../../message/mqtt-record.js';
import { limitsInForce, refusalOf, type LimitsInForce } from './broker-limits.js';
import type { MqttConnectionOptions } from '../connection-options.js';
import { endClient } from '../end-client.js';
import { InFlight } from './in-flight.js';
import { checkOutgoingOptions, type OutboxOptions } from './outgoing-options.js';
import type { OutgoingMessage, PublishReceipt } from './outgoing-message.js';
import { OutgoingStore } from './outgoing-store.js';
import { Outbox, type KeptMessage } from './outbox.js';
import { cannotPublish, publishProblem } from './publish-problem.js';
import { guardReplay } from './replay-guard.js';
import { restoreMessage } from './restore-message.js';
import { WaitingLine } from './waiting-line.js';
import { WaitingMessage } from './waiting-message.js';

/**
 * Publishes while the connection is up, and keeps in line what comes while it is not, or while as many messages are
 * unacknowledged as the broker takes: MQTT.js would hold any number of them, and does not keep to the Receive Maximum.
 */
export class Publisher {
  readonly #address: string;
  readonly #options: MqttConnectionOptions;
  readonly #line: WaitingLine<WaitingMessage>;
  readonly #store = new OutgoingStore();
  readonly #inFlight = new InFlight(this.#store, () => this.#advance());
  readonly #logger: LoggerService;
  #loading: Promise<void> | undefined;
  #limits: LimitsInForce;
  #client: MqttClient | undefined;
  /** Whether the client is connected, and has sent again what was unacknowledged before. */
  #isReady = false;
  #onStill: (() => void) | undefined;

  /** @throws {ConfigurationError} */
  constructor(address: string, options: MqttConnectionOptions, logger: LoggerService) {
    checkOutgoingOptions(options);
    this.#address = address;
    this.#logger = logger;
    this.#options = options;
    this.#line = new WaitingLine(options.offline);
    this.#limits = limitsInForce(options.limits, undefined);
  }

  /** For MQTT.js. */
  get outgoingStore(): IStore {
    return this.#options.outgoingStore ?? this.#store;
  }

  /**
   * Opens the outbox, if there is one and it is not open: before there is a client. {@link release} closes it.
   * @throws {ConfigurationError}
   */
  load(): Promise<void> | undefined {
    const { outbox } = this.#options;
    if (outbox === undefined) return undefined;
    this.#loading ??= this.#load(outbox).catch((error: unknown) => {
      this.#loading = undefined; // another attempt may do
      throw error;
    });
    return this.#loading;
  }

  /** Before anything is published with this client. */
  watch(client: MqttClient): void {
    this.#client = client;
    this.#isReady = false;
    guardReplay(client, this.#options.maxPublishAttempts);
    this.#inFlight.adopt(client);
    client.on('connect', (connack) => {
      this.#limits = limitsInForce(this.#options.limits, connack);
      this.#isReady = true;
      this.#advance();
    });
    client.on('close', () => {
      if (client === this.#client) this.#stop(); // not one that was ended
    });
  }

  /** For each packet, before MQTT.js looks at it. */
  onPacket(packet: Packet): void {
    if (packet.cmd === 'connack' && isAccepted(packet)) this.#store.onConnected(packet.sessionPresent);
    this.#inFlight.onPacket(packet);
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
    isLast = false,
  ): Promise<PublishReceipt> {
    const problem = publishProblem(client.options.protocolVersion, topic, payload, given);
    if (problem !== undefined) throw cannotPublish(topic, problem);
    const options = this.#withTakenQos(given);
    this.#check(client, topic, payload, options);
    return new Promise((resolve, reject) => {
      const message = { topic, payload, options, resolve, reject };
      if (this.#maySend(client, options.qos)) this.#send(client, message);
      else this.#wait(client, message, isLast);
    });
  }

  /**
   * Behind all that waits, however much may wait: nothing is to follow it.
   * @throws {PublishError}
   */
  publishLast(
    client: MqttClient,
    topic: string,
    payload: Buffer | string,
    options: MqttRecordOptions,
  ): Promise<PublishReceipt> {
    return this.publish(client, topic, payload, options, true);
  }

  /** The connection was lost. */
  onLost(): void {
    this.#inFlight.failVolatile(this.#connectionError('was lost before the message was written'));
  }

  /** Ends the client when what waits is sent and acknowledged, or when there is no connection, or at the deadline. */
  async end(client: MqttClient, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    if (client.connected && this.#line.size > 0) await this.#still(timeoutMs);
    await endClient(client, deadline - performance.now());
    await this.release();
  }

  /** Fails what is left, and closes the outbox, which has what it had: that is sent when it is opened again. */
  async release(): Promise<void> {
    await this.#loading?.catch(() => undefined); // told to who waits for it
    this.#loading = undefined;
    const error = this.#connectionError('was closed before the message was acknowledged');
    this.#inFlight.failAll(error);
    for (const { message } of this.#line.clear()) message.reject(error);
    try {
      await this.#store.release();
    } catch (failure) {
      this.#logger.error(`The outbox was not closed: ${describeError(failure)}`);
    }
  }

  async #load(options: OutboxOptions): Promise<void> {
    const outbox = await Outbox.open(options);
    const kept = await outbox.load();
    this.#store.use(outbox, kept);
    for (const message of kept) this.#restore(message);
    if (kept.length > 0) this.#logger.log(`Messages of the outbox that are to be sent: ${kept.length}`);
  }

  #restore(kept: KeptMessage): void {
    const message = restoreMessage(kept, this.#logger);
    if (kept.sent !== undefined) this.#inFlight.restore(kept.sent.messageId, message);
    else this.#line.restore(new WaitingMessage(message, this.#options.protocolVersion, kept.sinceMs));
  }

  #check(client: MqttClient, topic: string, payload: Buffer | string, options: MqttRecordOptions): void {
    const refusal = refusalOf(this.#limits, client.options.protocolVersion, topic, payload, options);
    if (refusal !== undefined) throw cannotPublish(topic, refusal.problem, refusal.reasonCode);
  }

  /** QoS 0 does not wait for the acknowledgements of others. */
  #maySend(client: MqttClient, qos = 0): boolean {
    if (client.disconnecting) return true; // it was ended through unwrap(): MQTT.js refuses the message
    return this.#isUp && (qos === 0 || (this.#line.size === 0 && this.#hasRoom));
  }

  get #isUp(): boolean {
    return this.#isReady && this.#client!.connected && !this.#client!.disconnecting;
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

  #wait(client: MqttClient, message: OutgoingMessage, isLast: boolean): void {
    const { topic, options } = message;
    if (!options.qos && this.#options.queueQoSZero === false) {
      message.reject(cannotPublish(topic, 'there is no connection, and queueQoSZero is false'));
      return;
    }
    const waiting = new WaitingMessage(message, client.options.protocolVersion);
    const refused = isLast ? [] : this.#line.enter(waiting);
    if (isLast) this.#line.restore(waiting);
    if (!refused.includes(waiting)) waiting.keepIn(this.#store);
    for (const loser of refused) this.#refuse(loser, this.#queueFull(loser, loser !== waiting));
  }

  #refuse(waiting: WaitingMessage, error: Error): void {
    waiting.forgetIn(this.#store);
    waiting.message.reject(error);
  }

  /** Sends of the line what may be sent. */
  #advance(): void {
    while (this.#isUp) {
      const next = this.#line.take(this.#hasRoom);
      if (next === undefined) break;
      this.#resume(this.#client!, next);
    }
    if (this.#line.size === 0) this.#onStill?.();
  }

  /** What this connection takes may not be what the one before took. */
  #resume(client: MqttClient, waiting: WaitingMessage): void {
    try {
      const message = waiting.toSend(this.#withTakenQos(waiting.message.options));
      if (message === undefined) return;
      this.#check(client, message.topic, message.payload, message.options);
      if (!message.options.qos) waiting.forgetIn(this.#store); // for a broker that takes nothing else
      this.#send(client, message);
    } catch (error) {
      this.#refuse(waiting, error as Error);
    }
  }

  #stop(): void {
    this.#isReady = false;
    this.#store.onLost();
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

function isAccepted({ reasonCode = 0, returnCode = 0 }: IConnackPacket): boolean {
  return reasonCode === 0 && returnCode === 0;
}
