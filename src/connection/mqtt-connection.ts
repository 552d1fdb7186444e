import { Logger } from '@nestjs/common';
import type { MqttEvents } from '@nestjs/microservices';
import type { IConnackPacket, MqttClient } from 'mqtt';
import { distinctUntilChanged, ReplaySubject, type Observable } from 'rxjs';
import { ConnectionError } from '../errors.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { BackOff } from './back-off.js';
import { ConnectionAttempts } from './connection-attempts.js';
import { ConnectionFailures } from './connection-failures.js';
import {
  describeBroker,
  describeServer,
  toMqttJsOptions,
  type MqttConnectionOptions,
} from './connection-options.js';
import { createClient } from './create-client.js';
import { Deferred } from './deferred.js';
import { describeDisconnect, describeError } from './failure.js';
import { InboundPublishes } from './inbound-publishes.js';
import { MqttStatus } from './mqtt-status.js';
import { endClient } from './end-client.js';
import { createPreparation } from './prepare-attempt.js';
import { Publisher } from './publisher.js';
import { guardReplay } from './replay-guard.js';
import { toSession, type Session } from './session.js';
import { unsubscribe } from './unsubscribe.js';
import { subscribe, type SubscriptionGrant, type SubscriptionRequest } from './subscribe.js';

/** Runs after each CONNACK, the first one before `open()` resolves. */
type SessionListener = (session: Session) => Promise<void> | void;
type MessageListener = (message: InboundMessage) => void;
/** Runs when the connection is closed for good, and will not be made again by itself. */
type ClosedListener = (error: Error) => void;

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
  readonly status: Observable<MqttStatus>;
  readonly #logger: Logger;
  readonly #options: MqttConnectionOptions;
  readonly #status = new ReplaySubject<MqttStatus>(1);
  readonly #failures: ConnectionFailures;
  readonly #publisher: Publisher;
  readonly #inbound = new InboundPublishes();
  readonly #sessionListeners: SessionListener[] = [];
  readonly #messageListeners: MessageListener[] = [];
  readonly #closedListeners: ClosedListener[] = [];
  readonly #eventListeners: { event: keyof MqttEvents; listener: MqttEvents[keyof MqttEvents] }[] = [];
  #client: MqttClient | undefined;
  #attempts: ConnectionAttempts | undefined;
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
    BackOff.from(options);
    this.#options = options;
    this.address = describeBroker(options);
    this.status = this.#status.pipe(distinctUntilChanged());
    this.#failures = new ConnectionFailures(this.address, this.#logger, options.maxConnectionAttempts ?? -1);
    this.#publisher = new Publisher(this.address);
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
    if (this.#closing !== undefined) await this.#afterClosing(this.#closing);
    this.#opening ??= this.#start();
    return this.#opening.promise;
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
   */
  async subscribe(requests: readonly SubscriptionRequest[]): Promise<readonly SubscriptionGrant[]> {
    return subscribe(this.#connected(), requests, {
      timeoutMs: this.#options.subscribeTimeoutMs ?? SUBSCRIBE_TIMEOUT_MS,
      batchSize: this.#options.subscribeBatchSize ?? SUBSCRIBE_BATCH_SIZE,
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
    await unsubscribe(this.#connected(), filters, timeoutMs);
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
    const client = createClient(this.#options);
    this.#client = client;
    this.#attempts = new ConnectionAttempts(client, {
      address: this.address,
      backOff: BackOff.from(this.#options),
      prepare: createPreparation(client, this.#options),
      onFailed: (error) => {
        this.#failures.noteError(error);
        this.#onDisconnected(false);
      },
    });
    this.#listen(client);
    this.#attempts.start();
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
      own(() => this.#onClose()),
    );
    client.on(
      'reconnect',
      own(() => this.#status.next(MqttStatus.RECONNECTING)),
    );
    client.on('disconnect', (packet) => own(() => this.#onDisconnect(describeDisconnect(packet)))());
    guardReplay(client);
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
    this.#logger.log(`Connected to ${describeServer(client, this.address)}`);
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
      this.#attempts?.noteReady();
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

  #onClose(): void {
    const lost = this.#session !== undefined;
    this.#session = undefined;
    this.#publisher.onLost();
    if (!this.#ready.pending) this.#ready = new Deferred();
    if (lost && this.#opening?.pending) this.#failures.noteLossWhileSubscribing();
    this.#onDisconnected(lost);
  }

  /** A connection was lost, or an attempt to make it has failed. */
  #onDisconnected(lost: boolean): void {
    this.#status.next(MqttStatus.CLOSED);
    const opening = this.#opening?.pending ?? false;
    const goesOn = this.#attempts?.goOn === true && !(opening && this.#failures.isFinal());
    if (lost && !opening)
      this.#logger.warn(`Lost the connection to ${this.address}${goesOn ? ', connecting again' : ''}`);
    else if (goesOn) this.#failures.report();
    if (goesOn) this.#attempts?.next();
    else void this.#end(this.#failures.toError()); // does not reject
  }

  /** Back to the state before `open()`, which fails with the error if it waits. */
  #end(error: Error): Promise<void> {
    this.#closing ??= this.#endClient(error).finally(() => (this.#closing = undefined));
    return this.#closing;
  }

  async #endClient(error: Error): Promise<void> {
    const [client, opening, ready] = [this.#client, this.#opening, this.#ready];
    if (client === undefined) return;
    this.#attempts?.end();
    this.#opening = undefined;
    this.#client = undefined;
    this.#session = undefined;
    this.#ready = new Deferred();
    for (const listener of this.#closedListeners) listener(error);
    await endClient(client, CLOSE_TIMEOUT_MS);
    this.#publisher.abandon();
    this.#status.next(MqttStatus.CLOSED);
    ready.reject(error);
    opening?.reject(error);
  }
}
