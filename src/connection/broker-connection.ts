import { Logger } from '@nestjs/common';
import type { MqttEvents } from '@nestjs/microservices';
import type { IConnackPacket, IDisconnectPacket, MqttClient } from 'mqtt';
import type { Observable } from 'rxjs';
import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { ConnectionAttempts } from './connection-attempts.js';
import { ConnectionFailures } from './connection-failures.js';
import { describeBroker, type MqttConnectionOptions } from './connection-options.js';
import { checkOptions, createClient } from './create-client.js';
import { Deferred } from './deferred.js';
import type { ConnectionHealth } from './connection-health.js';
import { ConnectionState } from './connection-state.js';
import type { ConnectionMember } from './connection-member.js';
import { ConnectionUsers, type ConnectionUser } from './connection-users.js';
import { describeError } from './failure.js';
import { InboundPublishes } from './incoming/inbound-publishes.js';
import { LiveSession } from './live-session.js';
import { MqttStatus } from './mqtt-status.js';
import { connectionClosed, notConnected } from './no-connection.js';
import { Presence } from './presence.js';
import type { PublishReceipt } from './outgoing/outgoing-message.js';
import { Publisher } from './outgoing/publisher.js';
import { isSessionKept, toSession, type Session } from './session.js';
import { watchClient } from './watch-client.js';
import type { Subscriptions } from './subscriptions/subscriptions.js';
import { createSubscriptions } from './subscriptions/create-subscriptions.js';

const CLOSE_TIMEOUT_MS = 5_000;

/**
 * One connection to a broker: owns MQTT.js and its events, makes the connection again when it is lost, and tells its
 * users of each new session, so that they subscribe to what they need.
 */
export class BrokerConnection {
  /** The broker's address, without credentials. */
  readonly address: string;
  readonly status: Observable<MqttStatus>;
  readonly protocolVersion: 3 | 4 | 5;
  /** Whether messages may wait on disk. */
  readonly hasOutbox: boolean;
  /** Whether the broker keeps what is subscribed and unacknowledged when the connection is lost. */
  readonly keepsSession: boolean;
  /** What its users want to receive. */
  readonly subscriptions: Subscriptions;
  readonly #logger: Logger;
  readonly #options: MqttConnectionOptions;
  readonly #state: ConnectionState;
  readonly #failures: ConnectionFailures;
  readonly #publisher: Publisher;
  readonly #inbound: InboundPublishes;
  readonly #session: LiveSession;
  readonly #users = new ConnectionUsers();
  readonly #presence: Presence | undefined;
  readonly #eventListeners: { event: keyof MqttEvents; listener: MqttEvents[keyof MqttEvents] }[] = [];
  #client: MqttClient | undefined;
  #attempts: ConnectionAttempts | undefined;
  /** Settled by the first session, or by what keeps it from coming. */
  #opening: Deferred<void> | undefined;
  /** Why the broker does not want to see this client again. */
  #ended: Error | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param owner whose log lines these are
   * @throws {ConfigurationError}
   */
  constructor(options: MqttConnectionOptions, owner: string) {
    this.#logger = new Logger(owner);
    checkOptions(options);
    this.#options = options;
    this.address = describeBroker(options);
    this.protocolVersion = options.protocolVersion ?? 4;
    this.hasOutbox = options.outbox !== undefined;
    this.keepsSession = isSessionKept(options);
    this.#state = new ConnectionState(this.address, this.protocolVersion);
    this.status = this.#state.changes;
    this.#failures = new ConnectionFailures(this.#logger, options);
    this.#inbound = new InboundPublishes(this.#logger);
    this.#publisher = new Publisher(this.address, options, this.#logger);
    this.#presence = Presence.from(options, (...message) => this.publish(...message), this.#logger);
    this.subscriptions = createSubscriptions(options, {
      broker: this.address,
      logger: this.#logger,
      client: () => this.#connected(),
      hasSession: () => this.#session.current !== undefined,
      identity: () => this.identity,
    });
    this.#session = new LiveSession(this.#logger, {
      begin: (session) => this.#beginSession(session),
      onReady: (session) => this.#onReady(this.#connected(), session),
      onFailed: (error) => this.#onRefused(error),
    });
  }

  /** MQTT.js's client, `undefined` before `open()` and after `close()`. */
  get client(): MqttClient | undefined {
    return this.#client;
  }

  /** Which connection it is, for who hears of it. */
  get identity(): ConnectionIdentity {
    return this.#state.identity;
  }

  health(): ConnectionHealth {
    return { ...this.#state.health(this.subscriptions.count()), givenUp: this.#failures.givenUp };
  }

  /**
   * Connects, and resolves when everything is subscribed. Calls while it is open share one connection.
   * @throws {ConnectionError} if the broker cannot be reached (`maxConnectionAttempts`) or refuses the connection, or has
   * ended it for good, until `close()` is called
   * @throws {SubscriptionError}
   */
  async open(user: ConnectionUser): Promise<void> {
    const member = this.#users.add(user);
    const opening = await this.#begin(member);
    await (opening.pending ? member.whilePresent(opening.promise) : opening.promise);
    member.checkPresence();
    if (this.#session.current !== undefined) this.#users.introduce(member, this.#session.current);
  }

  /**
   * Begins to connect, and resolves when messages can be published, which wait for the connection.
   * @throws {ConfigurationError} if the outbox cannot be opened
   */
  async begin(user: ConnectionUser): Promise<void> {
    await this.#begin(this.#users.add(user));
  }

  /** The last of its users disconnects, after what is on its way out, within 5 s. What is not published by then fails. */
  async close(user: ConnectionUser): Promise<void> {
    if (!this.#users.leave(user, connectionClosed(this.address))) await this.closeForAll();
  }

  async closeForAll(): Promise<void> {
    this.#inbound.flush();
    this.#ended = undefined;
    const error = connectionClosed(this.address);
    const ending = this.#end(error);
    this.#users.clear(error); // who came after the end of the connection before, or waits for the outbox
    await ending;
  }

  /** Whether there is a session in which everything is subscribed. */
  get isReady(): boolean {
    return this.#session.isReady;
  }

  /** Whether `open()` has resolved for a user, and the connection is not closed. */
  isOpenFor(user: ConnectionUser): boolean {
    return this.#opening?.pending === false && this.#users.has(user);
  }

  /**
   * The session, once everything is subscribed; while the connection is lost, the next one.
   * @throws {ConnectionError} if it is closed, for this user or for all
   */
  async ready(user: ConnectionUser): Promise<Session> {
    const member = this.#users.find(user);
    if (member === undefined) throw connectionClosed(this.address);
    return member.whilePresent(this.#session.ready);
  }

  /** Listens to an event of MQTT.js, on this client and on those that follow it after `close()`. */
  on<K extends keyof MqttEvents>(event: K, listener: MqttEvents[K]): void {
    this.#eventListeners.push({ event, listener });
    this.#client?.on(event, listener as never); // MQTT.js and Nest type the same events apart
  }

  /**
   * Resolves when the broker has acknowledged the message (QoS 1 and 2) or it has been written (QoS 0).
   * @throws {PublishError} or a {@link QueueFullError} if it cannot be sent at once, and has no place in line
   */
  publish(topic: string, payload: Buffer | string, options: MqttRecordOptions): Promise<PublishReceipt> {
    if (this.#client === undefined) return Promise.reject(notConnected(this.address));
    return this.#publisher.publish(this.#client, topic, payload, options);
  }

  /** Whether `open()` waits, and will tell what keeps the connection from being made. */
  get #isFirst(): boolean {
    return this.#opening?.pending ?? false;
  }

  #connected(): MqttClient {
    if (this.#client !== undefined) return this.#client;
    throw notConnected(this.address);
  }

  async #begin(member: ConnectionMember): Promise<Deferred<void>> {
    try {
      if (this.#closing !== undefined) await this.#closing;
      if (this.#ended !== undefined) throw this.#ended;
      const loading = this.#publisher.load();
      if (loading !== undefined) await loading;
      member.checkPresence();
      return (this.#opening ??= this.#start());
    } catch (error) {
      this.#users.discard(member);
      throw error;
    }
  }

  #start(): Deferred<void> {
    this.#failures.noteStart();
    const { outgoingStore } = this.#publisher;
    const client = createClient({ ...this.#options, outgoingStore }, this.#presence);
    this.#client = client;
    this.#state.begin(client);
    this.#attempts = ConnectionAttempts.from(client, this.#options, (error) => {
      this.#failures.noteError(error);
      this.#onDisconnected(false);
    });
    this.#listen(client);
    this.#publisher.watch(client);
    this.#attempts.start();
    return new Deferred();
  }

  #listen(client: MqttClient): void {
    watchClient(client, {
      isCurrent: () => client === this.#client,
      onConnect: (connack) => this.#onConnect(client, connack),
      onReconnect: () => {
        this.#failures.noteAttempt();
        this.#state.attempt();
      },
      onDisconnect: (packet) => this.#onDisconnect(client, packet),
      onError: (error) => {
        this.#failures.noteError(error);
        if (client.connected) this.#logger.error(describeError(error));
      },
      onClose: () => this.#onClose(),
      onSent: ({ cmd }) => cmd === 'disconnect' && this.#inbound.end(),
      onReceived: (packet) => {
        if (packet.cmd === 'connack') this.#failures.noteConnack();
        this.#inbound.onPacket(packet);
        this.#publisher.onPacket(packet);
      },
      onMessage: (topic, payload, packet) => {
        const message = this.#inbound.receive(client, topic, payload, packet);
        if (message !== undefined) this.subscriptions.dispatch(message);
      },
    });
    for (const { event, listener } of this.#eventListeners) client.on(event, listener as never);
  }

  #onConnect(client: MqttClient, connack: IConnackPacket): void {
    const session = toSession(client, connack);
    this.#state.connect(client, session);
    this.#logger.log(`Connected to ${this.identity.broker}`);
    this.#session.start(session);
  }

  async #beginSession(session: Session): Promise<void> {
    this.#users.introduceAll(session);
    await this.subscriptions.begin(session);
  }

  #onReady(client: MqttClient, session: Session): void {
    this.#failures.noteReady();
    this.#attempts?.noteReady();
    this.#opening?.resolve();
    this.#presence?.comeOnline(client, session);
  }

  /** What the first session needs is refused: `open()` fails. */
  #onRefused(error: Error): boolean {
    this.#state.noteError(error);
    if (!this.#isFirst) return false;
    void this.#end(error); // does not reject
    return true;
  }

  #onDisconnect(client: MqttClient, packet: IDisconnectPacket): void {
    this.#state.enter(MqttStatus.DISCONNECTED);
    this.#failures.noteDisconnect(packet, client.options.clientId);
    if (this.#failures.end !== undefined) client.stream.destroy(); // nothing more is sent on it
  }

  #onClose(): void {
    const lost = this.#session.lose();
    this.subscriptions.end();
    this.#publisher.onLost();
    if (lost) this.#failures.noteLoss(this.#isFirst);
    this.#onDisconnected(lost);
  }

  /** A connection was lost, or an attempt to make it has failed. */
  #onDisconnected(lost: boolean): void {
    this.#state.end(this.#failures.toError());
    const goesOn = this.#attempts?.goOn === true && !this.#failures.isFinal(this.#isFirst);
    if (!goesOn) return void this.#giveUp(this.#isFirst); // does not reject
    if (lost) this.#users.tellOfLoss(this.#failures.toError());
    this.#failures.report(lost && !this.#isFirst);
    this.#attempts?.next();
  }

  /** A failure that `open()` does not tell is told by the log, and to those who listen to errors. */
  async #giveUp(isFirst: boolean): Promise<void> {
    const [client, error] = [this.#client, this.#failures.toError()];
    if (!isFirst) this.#ended = this.#failures.end;
    if (!isFirst) this.#failures.reportEnd();
    await this.#end(error);
    if (!isFirst) client?.emit('error', error);
  }

  /** Back to the state before `open()`, which fails with the error if it waits. */
  #end(error: Error): Promise<void> {
    this.#closing ??= this.#endClient(error).finally(() => (this.#closing = undefined));
    return this.#closing;
  }

  async #endClient(error: Error): Promise<void> {
    const [client, opening] = [this.#client, this.#opening];
    if (client === undefined) return this.#publisher.release();
    this.#attempts?.end();
    this.#presence?.goOffline(client, this.#session.current, this.#publisher);
    this.#opening = undefined;
    this.#client = undefined;
    this.#session.end(error);
    this.subscriptions.reset();
    this.#users.clear(error);
    await this.#publisher.end(client, CLOSE_TIMEOUT_MS);
    this.#state.end();
    opening?.reject(error);
  }
}
