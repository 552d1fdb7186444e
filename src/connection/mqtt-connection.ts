import { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { MqttEvents } from '@nestjs/microservices';
import { connect, type IConnackPacket, type MqttClient } from 'mqtt';
import { distinctUntilChanged, ReplaySubject, type Observable } from 'rxjs';
import { ConfigurationError, ConnectionError, SubscriptionError } from '../errors.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { describeBroker, toMqttJsOptions, type MqttConnectionOptions } from './connection-options.js';
import { Deferred } from './deferred.js';
import { codeOf, describeDisconnect, describeError, describeFailure, isPermanentFailure } from './failure.js';
import { MqttStatus } from './mqtt-status.js';
import { endClient } from './end-client.js';
import { Publisher } from './publisher.js';
import { toSession, type Session } from './session.js';
import { subscribe, type SubscriptionGrant, type SubscriptionRequest } from './subscribe.js';

/** Runs after each CONNACK, the first one before `open()` resolves. */
type SessionListener = (session: Session) => Promise<void> | void;
type MessageListener = (message: InboundMessage) => void;
/** Runs when the connection is closed for good, and will not be made again by itself. */
type ClosedListener = (error: Error) => void;

const SUBSCRIBE_TIMEOUT_MS = 10_000;
const SUBSCRIBE_BATCH_SIZE = 100;
const CLOSE_TIMEOUT_MS = 5_000;

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
  readonly #publisher: Publisher;
  readonly #sessionListeners: SessionListener[] = [];
  readonly #messageListeners: MessageListener[] = [];
  readonly #closedListeners: ClosedListener[] = [];
  readonly #eventListeners: { event: keyof MqttEvents; listener: MqttEvents[keyof MqttEvents] }[] = [];
  #client: MqttClient | undefined;
  /** Settled by the first session, or by what keeps it from coming. */
  #opening: Deferred<void> | undefined;
  #session: Session | undefined;
  /** Settled by each session in turn. */
  #ready = new Deferred<Session>();
  #failedAttempts = 0;
  #lastError: Error | undefined;
  #reportedFailure: string | undefined;

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
    this.#publisher = new Publisher(this.address);
  }

  /** MQTT.js's client, `undefined` before `open()` and after `close()`. */
  get client(): MqttClient | undefined {
    return this.#client;
  }

  get protocolVersion(): number {
    return this.#options.protocolVersion ?? 4;
  }

  /**
   * Connects, and resolves when every session listener has done its part. Calls while it is open share one promise.
   * @throws {ConnectionError} if the broker cannot be reached (`maxConnectionAttempts`) or refuses the connection
   */
  open(): Promise<void> {
    this.#opening ??= this.#start();
    return this.#opening.promise;
  }

  /** Disconnects after what is on its way out, within 5 s. What is not published by then fails. */
  async close(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#forget(new ConnectionError(`The connection to ${this.address} was closed`, this.address));
    await endClient(client, CLOSE_TIMEOUT_MS);
    this.#publisher.abandon();
    this.#status.next(MqttStatus.CLOSED);
  }

  onSession(listener: SessionListener): void {
    this.#sessionListeners.push(listener);
  }

  onMessage(listener: MessageListener): void {
    this.#messageListeners.push(listener);
  }

  onClosed(listener: ClosedListener): void {
    this.#closedListeners.push(listener);
  }

  /** The session, once its listeners have done their part; while the connection is lost, the next one. */
  ready(): Promise<Session> {
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
   */
  async subscribe(requests: readonly SubscriptionRequest[]): Promise<readonly SubscriptionGrant[]> {
    const shared = requests.filter(({ filter }) => filter.startsWith('$share/'));
    if (shared.length > 0 && this.#session?.sharedSubscriptions === false)
      throw noSharedSubscriptions(shared);
    return subscribe(this.#connected(), requests, {
      timeoutMs: this.#options.subscribeTimeoutMs ?? SUBSCRIBE_TIMEOUT_MS,
      batchSize: this.#options.subscribeBatchSize ?? SUBSCRIBE_BATCH_SIZE,
      broker: this.address,
    });
  }

  /**
   * Resolves when the broker has acknowledged the message (QoS 1 and 2) or it has been written (QoS 0).
   * @throws {PublishError}
   */
  async publish(topic: string, payload: Buffer | string, options: MqttRecordOptions): Promise<void> {
    return this.#publisher.publish(this.#connected(), topic, payload, options);
  }

  #connected(): MqttClient {
    if (this.#client !== undefined) return this.#client;
    throw new ConnectionError(`Not connected to ${this.address}`, this.address);
  }

  #start(): Deferred<void> {
    this.#failedAttempts = 0;
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
    client.on('message', (topic, payload, packet) => {
      for (const listener of this.#messageListeners) listener({ topic, payload, packet });
    });
    for (const { event, listener } of this.#eventListeners) client.on(event, listener as never);
  }

  #onConnect(client: MqttClient, connack: IConnackPacket): void {
    this.#lastError = undefined;
    this.#reportedFailure = undefined;
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
      this.#ready.resolve(session);
      this.#opening?.resolve();
    } catch (error) {
      if (this.#session !== session) return; // the connection was lost: the next session starts over
      if (this.#opening?.pending) await this.#giveUp(error as Error);
      else this.#logger.error(error instanceof Error ? error.message : error);
    }
  }

  #onDisconnect(reason: string): void {
    this.#status.next(MqttStatus.DISCONNECTED);
    this.#logger.warn(`The broker closes the connection (${reason})`);
  }

  #onError(client: MqttClient, error: Error): void {
    this.#lastError = error;
    if (client.connected) this.#logger.error(describeError(error));
  }

  #onClose(client: MqttClient): void {
    const lost = this.#session !== undefined;
    this.#session = undefined;
    if (!this.#ready.pending) this.#ready = new Deferred();
    this.#status.next(MqttStatus.CLOSED);
    const retries = client.options.reconnectPeriod !== 0;
    if (this.#opening?.pending) this.#onFailedAttempt(retries);
    else if (lost)
      this.#logger.warn(`Lost the connection to ${this.address}${retries ? ', connecting again' : ''}`);
    else this.#reportFailure();
    if (retries || this.#client !== client) return;
    this.#forget(this.#failure());
    this.#publisher.abandon();
  }

  #onFailedAttempt(retries: boolean): void {
    const { maxConnectionAttempts = -1 } = this.#options;
    const exhausted = ++this.#failedAttempts === maxConnectionAttempts;
    if (retries && !exhausted && !isPermanentFailure(this.#lastError)) this.#reportFailure();
    else void this.#giveUp(this.#failure());
  }

  /** One line for each new reason, not for each attempt. */
  #reportFailure(): void {
    const { message } = this.#failure();
    if (message !== this.#reportedFailure) this.#logger.error(`${message}; trying again`);
    this.#reportedFailure = message;
  }

  #failure(): ConnectionError {
    const cause = this.#lastError;
    const code = cause && codeOf(cause);
    return new ConnectionError(
      `Cannot connect to ${this.address} (${describeFailure(cause)})`,
      this.address,
      typeof code === 'number' ? code : undefined,
      { cause },
    );
  }

  async #giveUp(error: Error): Promise<void> {
    const client = this.#client;
    this.#forget(error);
    if (client !== undefined) await endClient(client, CLOSE_TIMEOUT_MS);
  }

  /** Back to the state before `open()`. */
  #forget(error: Error): void {
    this.#opening?.reject(error);
    this.#ready.reject(error);
    this.#ready = new Deferred();
    this.#opening = undefined;
    this.#client = undefined;
    this.#session = undefined;
    for (const listener of this.#closedListeners) listener(error);
  }
}

/** MQTT.js leaves Nagle's algorithm on, which costs concurrent requests a quarter of their rate or more. */
function setNoDelay({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
}

function noSharedSubscriptions(shared: readonly SubscriptionRequest[]): SubscriptionError {
  const filters = shared.map(({ filter }) => `"${filter}"`).join(', ');
  return new SubscriptionError(
    `The broker offers no Shared Subscriptions, which ${filters} would be`,
    shared.map(({ filter }) => ({ filter })),
  );
}
