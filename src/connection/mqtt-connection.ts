import { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { MqttEvents } from '@nestjs/microservices';
import { connect, type IConnackPacket, type MqttClient } from 'mqtt';
import { distinctUntilChanged, ReplaySubject, type Observable } from 'rxjs';
import { ConfigurationError, ConnectionError } from '../errors.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { describeBroker, toMqttJsOptions, type MqttConnectionOptions } from './connection-options.js';
import { ConnectionFailures } from './connection-failures.js';
import { Deferred } from './deferred.js';
import { checkFilters, filtersPerPacket } from './broker-limits.js';
import { describeDisconnect, describeError } from './failure.js';
import { InboundPublishes } from './inbound-publishes.js';
import { keepServerKeepAlive } from './keep-server-keep-alive.js';
import { MqttStatus } from './mqtt-status.js';
import { Publisher, type PublishReceipt } from './publisher.js';
import { toSession, type Session } from './session.js';
import { unsubscribe } from './unsubscribe.js';
import { subscribe, type SubscriptionGrant, type SubscriptionRequest } from './subscribe.js';

/** Runs after each CONNACK, the first one before `open()` resolves. */
type SessionListener = (session: Session) => Promise<void> | void;
/** Runs when the connection is lost, before it is made again. */
type LostListener = (error: ConnectionError) => void;
type MessageListener = (message: InboundMessage) => void;
/** Runs when the connection is closed for good, and will not be made again by itself. */
type ClosedListener = (error: Error) => void;

const SUBSCRIBE_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;
const SESSION_RETRY_MS = 5_000;

/**
 * One connection to a broker: owns MQTT.js and its events, makes the connection again when it is lost, and tells its
 * users of each new session, so that they subscribe to what they need.
 */
export class MqttConnection {
  /** The broker's address, without credentials. */
  readonly address: string;
  readonly status: Observable<MqttStatus>;
  readonly #logger: Logger;
  readonly #options: MqttConnectionOptions;
  readonly #status = new ReplaySubject<MqttStatus>(1);
  readonly #failures: ConnectionFailures;
  readonly #publisher: Publisher;
  readonly #inbound = new InboundPublishes();
  readonly #sessionListeners: SessionListener[] = [];
  readonly #messageListeners: MessageListener[] = [];
  readonly #lostListeners: LostListener[] = [];
  readonly #closedListeners: ClosedListener[] = [];
  readonly #eventListeners: { event: keyof MqttEvents; listener: MqttEvents[keyof MqttEvents] }[] = [];
  #client: MqttClient | undefined;
  /** Settled by the first session, or by what keeps it from coming. */
  #opening: Deferred<void> | undefined;
  #session: Session | undefined;
  /** Settled by each session in turn. */
  #ready = new Deferred<Session>();
  #closing: Promise<void> | undefined;
  #closeCalls = 0;

  /**
   * @param owner whose log lines these are
   * @throws {ConfigurationError}
   */
  constructor(options: MqttConnectionOptions, owner: string) {
    this.#logger = new Logger(owner);
    toMqttJsOptions(options); // wrong options show at construction
    this.#options = options;
    this.address = describeBroker(options);
    this.status = this.#status.pipe(distinctUntilChanged());
    this.#failures = new ConnectionFailures(this.address, this.#logger, options.maxConnectionAttempts ?? -1);
    this.#publisher = new Publisher(this.address, options, this.#logger);
  }

  /** MQTT.js's client, `undefined` before `open()` and after `close()`. */
  get client(): MqttClient | undefined {
    return this.#client;
  }

  /**
   * Connects, and resolves when every session listener has done its part. Calls while it is open share one promise.
   * @throws {ConnectionError} if the broker cannot be reached (`maxConnectionAttempts`) or refuses the connection
   */
  async open(): Promise<void> {
    const opening = await this.#begin();
    return opening.promise;
  }

  /**
   * Begins to connect, and resolves when messages can be published, which wait for the connection.
   * @throws {ConfigurationError} if the outbox cannot be opened
   */
  async begin(): Promise<void> {
    await this.#begin();
  }

  /** Disconnects after what is on its way out, within 5 s. What is not published by then fails. */
  close(): Promise<void> {
    const error = new ConnectionError(`The connection to ${this.address} was closed`, this.address);
    this.#closeCalls++;
    this.#inbound.flush();
    return this.#end(error);
  }

  onSession(listener: SessionListener): void {
    this.#sessionListeners.push(listener);
  }

  onMessage(listener: MessageListener): void {
    this.#messageListeners.push(listener);
  }

  onLost(listener: LostListener): void {
    this.#lostListeners.push(listener);
  }

  onClosed(listener: ClosedListener): void {
    this.#closedListeners.push(listener);
  }

  /**
   * The session, once its listeners have done their part; while the connection is lost, the next one.
   * @throws {ConnectionError} if it is closed
   */
  async ready(): Promise<Session> {
    this.#connected();
    return this.#ready.promise;
  }

  /** Listens to an event of MQTT.js, on this client and on those that follow it after `close()`. */
  on<K extends keyof MqttEvents>(event: K, listener: MqttEvents[K]): void {
    this.#eventListeners.push({ event, listener });
    this.#client?.on(event, listener as never); // MQTT.js and Nest type the same events apart
  }

  /**
   * Subscribes once: a session listener asks again when the session is lost.
   * @throws {SubscriptionError}
   * @throws {ConfigurationError} if a filter exceeds `limits`
   */
  async subscribe(requests: readonly SubscriptionRequest[]): Promise<readonly SubscriptionGrant[]> {
    checkFilters(this.#options.limits, requests);
    return subscribe(this.#connected(), requests, {
      timeoutMs: this.#options.subscribeTimeoutMs ?? SUBSCRIBE_TIMEOUT_MS,
      batchSize: filtersPerPacket(this.#options),
      broker: this.address,
      sharedSubscriptions: this.#session?.sharedSubscriptions ?? true,
    });
  }

  /**
   * Resolves when the broker has confirmed; at once when there is no connection, which has no subscriptions.
   * @throws {SubscriptionError} if it does not within the time of a subscription
   */
  async unsubscribe(filters: readonly string[]): Promise<void> {
    if (this.#session === undefined) return;
    const timeoutMs = this.#options.subscribeTimeoutMs ?? SUBSCRIBE_TIMEOUT_MS;
    await unsubscribe(this.#connected(), filters, { timeoutMs, batchSize: filtersPerPacket(this.#options) });
  }

  /**
   * Resolves when the broker has acknowledged the message (QoS 1 and 2) or it has been written (QoS 0).
   * @throws {PublishError}
   */
  async publish(
    topic: string,
    payload: Buffer | string,
    options: MqttRecordOptions,
  ): Promise<PublishReceipt> {
    return this.#publisher.publish(this.#connected(), topic, payload, options);
  }

  #connected(): MqttClient {
    if (this.#client !== undefined) return this.#client;
    throw new ConnectionError(`Not connected to ${this.address}`, this.address);
  }

  async #begin(): Promise<Deferred<void>> {
    if (this.#closing !== undefined) await this.#afterClosing(this.#closing);
    const loading = this.#publisher.load();
    if (loading !== undefined) await this.#afterClosing(loading);
    return (this.#opening ??= this.#start());
  }

  /** A `close()` that comes while an `open()` waits for the one before it is for that `open()`. */
  async #afterClosing(closing: Promise<void>): Promise<void> {
    const calls = this.#closeCalls;
    await closing;
    if (this.#closeCalls !== calls) {
      throw new ConnectionError(`The connection to ${this.address} was closed`, this.address);
    }
  }

  #start(): Deferred<void> {
    this.#failures.noteStart();
    const { outgoingStore } = this.#publisher;
    const { url, options } = toMqttJsOptions({ ...this.#options, outgoingStore });
    try {
      this.#client = connect(url, options);
    } catch (cause) {
      const { message } = cause as Error;
      throw new ConfigurationError(`Cannot connect to ${this.address}: ${message}`, { cause });
    }
    this.#listen(this.#client);
    return new Deferred();
  }

  #listen(client: MqttClient): void {
    const own = (handle: () => void) => () => {
      if (client === this.#client) handle(); // not one that was closed
    };
    client.on('connect', (connack) => own(() => this.#onConnect(client, connack))());
    client.on('error', (error) => own(() => this.#onError(client, error))());
    client.on(
      'close',
      own(() => this.#onClose(client)),
    );
    client.on(
      'reconnect',
      own(() => this.#status.next(MqttStatus.RECONNECTING)),
    );
    client.on('disconnect', (packet) => own(() => this.#onDisconnect(describeDisconnect(packet)))());
    keepServerKeepAlive(client);
    this.#publisher.watch(client);
    client.on('packetsend', ({ cmd }) => {
      if (cmd === 'disconnect') this.#inbound.end();
    });
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'connack') this.#failures.noteConnack();
      this.#inbound.onPacket(packet);
    });
    client.on('message', (topic, payload, packet) => {
      const message = this.#inbound.receive(client, topic, payload, packet);
      if (message !== undefined) for (const listener of this.#messageListeners) listener(message);
    });
    for (const { event, listener } of this.#eventListeners) client.on(event, listener as never);
  }

  #onConnect(client: MqttClient, connack: IConnackPacket): void {
    setNoDelay(client);
    this.#logger.log(`Connected to ${this.address}`);
    this.#status.next(MqttStatus.CONNECTED);
    const session = toSession(client, connack);
    this.#session = session;
    void this.#startSession(session); // settles `open()`, reports by itself
  }

  async #startSession(session: Session): Promise<void> {
    try {
      for (const listener of this.#sessionListeners) await listener(session);
      if (this.#session !== session) return;
      this.#failures.noteReady();
      this.#ready.resolve(session);
      this.#opening?.resolve();
    } catch (error) {
      if (this.#session !== session) return; // the connection was lost: the next session starts over
      if (this.#opening?.pending) await this.#end(error as Error);
      else this.#startAgain(session, error as Error);
    }
  }

  /** What was granted once is refused, or not answered: it is asked for again on the same connection. */
  #startAgain(session: Session, { message }: Error): void {
    this.#logger.error(`${message}; trying again in ${SESSION_RETRY_MS} ms`);
    setTimeout(() => {
      if (this.#session === session) void this.#startSession(session); // reports by itself
    }, SESSION_RETRY_MS).unref();
  }

  #onDisconnect(reason: string): void {
    this.#status.next(MqttStatus.DISCONNECTED);
    this.#logger.warn(`The broker closes the connection (${reason})`);
  }

  #onError(client: MqttClient, error: Error): void {
    this.#failures.noteError(error);
    if (client.connected) this.#logger.error(describeError(error));
  }

  #onClose(client: MqttClient): void {
    const lost = this.#session !== undefined;
    this.#session = undefined;
    this.#publisher.onLost();
    if (!this.#ready.pending) this.#ready = new Deferred();
    if (lost && this.#opening?.pending) this.#failures.noteLossWhileSubscribing();
    this.#status.next(MqttStatus.CLOSED);
    if (lost) this.#tellOfLoss();
    const retries = client.options.reconnectPeriod !== 0;
    if (this.#opening?.pending) this.#onFailedAttempt(retries);
    else if (lost)
      this.#logger.warn(`Lost the connection to ${this.address}${retries ? ', connecting again' : ''}`);
    else this.#failures.report();
    if (!retries && this.#client === client) void this.#end(this.#failures.toError()); // does not reject
  }

  #tellOfLoss(): void {
    const error = new ConnectionError(`The connection to ${this.address} was lost`, this.address);
    for (const listener of this.#lostListeners) listener(error);
  }

  #onFailedAttempt(retries: boolean): void {
    if (this.#failures.isFinal() || !retries)
      void this.#end(this.#failures.toError()); // does not reject
    else this.#failures.report();
  }

  /** Back to the state before `open()`, which fails with the error if it waits. */
  #end(error: Error): Promise<void> {
    this.#closing ??= this.#endClient(error).finally(() => (this.#closing = undefined));
    return this.#closing;
  }

  async #endClient(error: Error): Promise<void> {
    const [client, opening, ready] = [this.#client, this.#opening, this.#ready];
    if (client === undefined) return this.#publisher.release();
    this.#opening = undefined;
    this.#client = undefined;
    this.#session = undefined;
    this.#ready = new Deferred();
    for (const listener of this.#closedListeners) listener(error);
    await this.#publisher.end(client, CLOSE_TIMEOUT_MS);
    this.#status.next(MqttStatus.CLOSED);
    ready.reject(error);
    opening?.reject(error);
  }
}

/** MQTT.js leaves Nagle's algorithm on, which costs concurrent requests a quarter of their rate or more. */
function setNoDelay({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
}
