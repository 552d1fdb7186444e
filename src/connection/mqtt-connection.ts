import { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { MqttEvents } from '@nestjs/microservices';
import { connect, type IConnackPacket, type MqttClient } from 'mqtt';
import { distinctUntilChanged, ReplaySubject, type Observable } from 'rxjs';
import { ConfigurationError, ConnectionError } from '../errors.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { describeBroker, toMqttJsOptions, type MqttConnectionOptions } from './connection-options.js';
import { ConnectionFailures } from './connection-failures.js';
import { Deferred } from './deferred.js';
import { describeDisconnect, describeError } from './failure.js';
import { InboundPublishes } from './inbound-publishes.js';
import { MqttStatus } from './mqtt-status.js';
import { endClient } from './end-client.js';
import { Publisher, type PublishReceipt } from './publisher.js';
import { guardReplay } from './replay-guard.js';
import { isSessionKept, toSession, type Session } from './session.js';
import { unsubscribe } from './unsubscribe.js';
import { subscribe, type SubscriptionGrant, type SubscriptionRequest } from './subscribe.js';
import { Subscriptions } from './subscriptions.js';

/** Who shares a connection. */
export interface ConnectionUser {
  /** Each session, before it is subscribed in; the first one before `open()` resolves. */
  onSession?(session: Session): void;
  /** The connection is lost, and will be made again. */
  onLost?(error: ConnectionError): void;
  /** The connection is closed for good, or this user has closed it for itself. */
  onClosed?(error: Error): void;
}

const SUBSCRIBE_TIMEOUT_MS = 10_000;
const SUBSCRIBE_BATCH_SIZE = 100;
const CLOSE_TIMEOUT_MS = 5_000;
const SESSION_RETRY_MS = 5_000;

/**
 * One connection to a broker: owns MQTT.js and its events, makes the connection again when it is lost, and tells its
 * users of each new session, so that they subscribe to what they need.
 */
export class MqttConnection {
  /** The broker's address, without credentials. */
  readonly address: string;
  /** What its users want to receive. */
  readonly subscriptions: Subscriptions;
  readonly status: Observable<MqttStatus>;
  readonly #logger: Logger;
  readonly #options: MqttConnectionOptions;
  readonly #status = new ReplaySubject<MqttStatus>(1);
  readonly #failures: ConnectionFailures;
  readonly #publisher: Publisher;
  readonly #inbound = new InboundPublishes();
  /** Those who have opened it and not closed it, with the session that each was told of. */
  readonly #users = new Map<ConnectionUser, Session | undefined>();
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
    this.#publisher = new Publisher(this.address);
    this.subscriptions = new Subscriptions({
      subscribe: (requests) => this.#subscribe(requests),
      unsubscribe: (filters) => this.#unsubscribe(filters),
      logger: this.#logger,
    });
  }

  /** MQTT.js's client, `undefined` before `open()` and after `close()`. */
  get client(): MqttClient | undefined {
    return this.#client;
  }

  get protocolVersion(): 3 | 4 | 5 {
    return this.#options.protocolVersion ?? 4;
  }

  /** Whether the broker keeps what is subscribed and unacknowledged when the connection is lost. */
  get keepsSession(): boolean {
    return isSessionKept(this.#options);
  }

  /**
   * Connects, and resolves when everything is subscribed. Calls while it is open share one connection.
   * @throws {ConnectionError} if the broker cannot be reached (`maxConnectionAttempts`) or refuses the connection
   * @throws {SubscriptionError}
   */
  async open(user: ConnectionUser): Promise<void> {
    if (this.#closing !== undefined) await this.#afterClosing(this.#closing);
    if (!this.#users.has(user)) this.#users.set(user, undefined);
    this.#opening ??= this.#start();
    await this.#opening.promise;
    if (this.#session !== undefined) this.#introduce(user, this.#session);
  }

  /**
   * The last of its users disconnects, after what is on its way out, within 5 s. What is not published by then fails.
   */
  async close(user: ConnectionUser): Promise<void> {
    const error = new ConnectionError(`The connection to ${this.address} was closed`, this.address);
    this.#closeCalls++;
    this.#inbound.flush();
    if (this.#users.size > 1 && this.#users.delete(user)) user.onClosed?.(error);
    else if (this.#users.size === 0 || this.#users.has(user)) await this.#end(error);
  }

  /**
   * The session, once everything is subscribed; while the connection is lost, the next one.
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

  async #subscribe(requests: readonly SubscriptionRequest[]): Promise<readonly SubscriptionGrant[]> {
    return subscribe(this.#connected(), requests, {
      timeoutMs: this.#options.subscribeTimeoutMs ?? SUBSCRIBE_TIMEOUT_MS,
      batchSize: this.#options.subscribeBatchSize ?? SUBSCRIBE_BATCH_SIZE,
      broker: this.address,
    });
  }

  async #unsubscribe(filters: readonly string[]): Promise<void> {
    if (this.#session === undefined) return;
    const timeoutMs = this.#options.subscribeTimeoutMs ?? SUBSCRIBE_TIMEOUT_MS;
    await unsubscribe(this.#connected(), filters, timeoutMs);
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
    const { url, options } = toMqttJsOptions(this.#options);
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
    guardReplay(client);
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
      if (message !== undefined) this.subscriptions.dispatch(message);
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
      for (const user of this.#users.keys()) this.#introduce(user, session);
      await this.subscriptions.begin(session);
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

  #introduce(user: ConnectionUser, session: Session): void {
    if (this.#users.get(user) === session) return;
    this.#users.set(user, session);
    user.onSession?.(session);
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
    this.subscriptions.end();
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
    for (const user of this.#users.keys()) user.onLost?.(error);
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
    if (client === undefined) return;
    this.#opening = undefined;
    this.#client = undefined;
    this.#session = undefined;
    this.#ready = new Deferred();
    this.subscriptions.reset();
    const users = [...this.#users.keys()];
    this.#users.clear();
    for (const user of users) user.onClosed?.(error);
    await endClient(client, CLOSE_TIMEOUT_MS);
    this.#publisher.abandon();
    this.#status.next(MqttStatus.CLOSED);
    ready.reject(error);
    opening?.reject(error);
  }
}

/** MQTT.js leaves Nagle's algorithm on, which costs concurrent requests a quarter of their rate or more. */
function setNoDelay({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
}
