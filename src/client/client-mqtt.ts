import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { ClientProxy, type MqttEvents, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import { Observable, Subject, type Observer, type Unsubscribable } from 'rxjs';
import type { BrokerConnection } from '../connection/broker-connection.js';
import { connectionFor } from '../connection/connection-for.js';
import { HealthReports } from '../connection/health-reports.js';
import type { MqttStatus } from '../connection/mqtt-status.js';
import { publishing } from '../diagnostics/publish-event.js';
import { ConfigurationError } from '../errors.js';
import { unwrapRecord } from '../message/mqtt-record.js';
import { topicNameProblem } from '../topic/topic-name.js';
import { autoCodec } from '../codec/auto-codec.js';
import type { ClientHealth } from './client-health.js';
import { OWN_OPTIONS, type ClientMqttOptions, type SendToManyOptions } from './client-options.js';
import { MessageStreams, type MessagesOptions, type ReceivedMessage } from './message-streams.js';
import { ClientPublisher } from './client-publisher.js';
import { GatherRequest, type ResponderReply } from './gather-request.js';
import type { OutboundCall } from './request-dialect.js';
import { Requester } from './requester.js';
import { withMetadata } from './with-metadata.js';
import { SendRequest, type ReplyConversion } from './send-request.js';
import { toRequestError } from './to-request-error.js';

type CallPacket = ReadPacket & { readonly metadata?: Readonly<Record<string, string>> };

/** Since Nest 12.1. */
interface DispatchHook {
  readonly onDispatchHook?: (packet: CallPacket) => void;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Nest's client proxy for MQTT 3.1.1 and 5.
 *
 * `emit` completes when the broker has acknowledged the message (QoS 1 and 2) or it is written (QoS 0), and fails with a
 * {@link PublishError}, a {@link QueueFullError} or a {@link ConnectionError}. `send` emits the replies, and fails with a {@link RemoteError} that
 * holds what the handler threw, a {@link RequestTimeoutError} when no reply comes in time, or a {@link NoRespondersError};
 * unsubscribing from it stops the handler. All take data, or an `MqttRecord` with options.
 *
 * @example
 * ```ts
 * ClientsModule.register([{ name: 'DEVICES', customClass: ClientMqtt, options: { url: 'mqtt://localhost:1883' } }])
 * ```
 */
export class ClientMqtt extends ClientProxy<MqttEvents> {
  readonly #connection: BrokerConnection;
  readonly #publisher: ClientPublisher;
  readonly #requester: Requester;
  readonly #messages: MessageStreams;
  readonly #timeoutMs: number;
  readonly #reports = new HealthReports(() => ({
    role: 'client',
    connection: this.#connection.identity,
    health: this.health(),
  }));
  readonly #conversion: ReplyConversion = {
    toResponse: (value) => this.serializeResponse(value) as unknown,
    toError: (error) => this.serializeError(error),
  };
  /** How many events wait for the connection: none overtakes them. */
  #unopened = 0;

  /** @throws {ConfigurationError} if an option is wrong */
  constructor(options: ClientMqttOptions = {}) {
    super();
    checkTopic('replyTopic', options.replyTopic);
    checkTopic('cancelTopic', options.cancelTopic === false ? undefined : options.cancelTopic);
    this.#timeoutMs = checkTimeout(options.timeoutMs);
    const maxConnectionAttempts = options.maxConnectionAttempts ?? 1;
    this.#connection = connectionFor(options, ClientMqtt.name, OWN_OPTIONS, {
      ...options,
      maxConnectionAttempts,
    });
    this.#publisher = new ClientPublisher(this.#connection, options.userProperties);
    const logger = new Logger(ClientMqtt.name);
    const onClosed = (error: Error): void => {
      this.#messages.fail(error);
      if (!this.#connection.health().givenUp) this.#reports.close(); // else it stays open, and in need of help
    };
    this.#requester = new Requester(this.#connection, this.#publisher, options, logger, onClosed);
    const { codec = autoCodec } = options;
    this.#messages = new MessageStreams({
      connection: this.#connection,
      connect: () => this.connect(),
      codec,
      logger,
    });
  }

  /** What the connection to the broker does: `connected`, `disconnected`, `reconnecting`, `closed`. */
  override get status(): Observable<MqttStatus> {
    return this.#connection.status;
  }

  /**
   * Sends a request when it is subscribed to, and emits the replies. Unsubscribing stops the handler.
   * @param data a value, or an `MqttRecord` of one
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- Nest's own signature, which the types of its users build on
  override send<TResult = any, TInput = any>(pattern: unknown, data: TInput): Observable<TResult> {
    if (isNil(pattern) || isNil(data)) return super.send(pattern, data); // which fails
    return new Observable((observer: Observer<unknown>) =>
      this.#request(this.#toPacket(pattern, data), observer),
    ) as Observable<TResult>;
  }

  /**
   * Publishes an event, whether it is subscribed to or not. Completes when the broker has acknowledged it (QoS 1 and 2) or it is
   * written (QoS 0).
   * @param data a value, or an `MqttRecord` of one
   */
  override emit<TResult = unknown, TInput = unknown>(pattern: unknown, data: TInput): Observable<TResult> {
    if (isNil(pattern) || isNil(data)) return super.emit(pattern, data); // which fails
    const outcome = new Subject<TResult>();
    this.#emit(pattern, data).then(
      () => {
        outcome.next(undefined as TResult);
        outcome.complete();
      },
      (error: unknown) => outcome.error(error),
    );
    return outcome.asObservable();
  }

  /**
   * Sends one request to all responders when it is subscribed to, and emits what each of them answers, as it comes. Completes when
   * `max` of them have answered, or after `timeoutMs`, with as many as there are by then; who still works on it is told to stop.
   * The members of a Shared Subscription are one responder: the broker gives the request to one of them. Fails as `send` does, but not for
   * the failure of a handler, which is an element with an `error`.
   *
   * @example
   * ```ts
   * const replies = await lastValueFrom(client.sendToMany<Health>('health', {}, { timeoutMs: 500 }).pipe(toArray()));
   * for (const { responder, value, error } of replies) console.log(responder, error?.message ?? value);
   * ```
   * @throws {ConfigurationError} if an option is wrong
   */
  sendToMany<TResult = unknown, TInput = unknown>(
    pattern: unknown,
    data: TInput,
    { max = Infinity, timeoutMs }: SendToManyOptions = {},
  ): Observable<ResponderReply<TResult>> {
    if (isNil(pattern) || isNil(data)) return super.send(pattern, data); // which fails
    checkMax(max);
    checkTimeout(timeoutMs);
    return new Observable<ResponderReply>((observer) => {
      const call = this.#toCall(this.#toPacket(pattern, data));
      const limitMs = timeoutMs ?? call.options.timeoutMs ?? this.#timeoutMs;
      return this.#requester.request(call, new GatherRequest(call.topic, limitMs, max, observer));
    }) as Observable<ResponderReply<TResult>>;
  }

  /**
   * The messages of a Topic Filter, subscribed to while the Observable is; with the delivery rules of event handlers: what the broker
   * wants acknowledged is, when the observer has taken it. Fails with a {@link SubscriptionError} if the broker refuses, with a
   * {@link ConnectionError} when the connection is given up, and completes when the client is closed. What cannot be decoded is rejected, with a line in the log. Retained messages come if nothing else on this connection has
   * subscribed to the filter.
   *
   * @example
   * ```ts
   * client.messages<Reading>('sites/{site}/reading', { qos: 1 }).subscribe(({ data, context }) => show(context.params.site, data));
   * ```
   * @throws {ConfigurationError} if the filter or an option is wrong
   */
  messages<TData = unknown>(
    filter: string,
    options: MessagesOptions = {},
  ): Observable<ReceivedMessage<TData>> {
    return this.#messages.of(filter, options) as Observable<ReceivedMessage<TData>>;
  }

  /**
   * Removes the message that the broker keeps for later subscribers of a topic (section 3.3.1.3).
   * @throws {PublishError}
   * @throws {ConnectionError}
   */
  async clearRetained(topic: string): Promise<void> {
    await this.connect();
    await this.#connection.publish(topic, '', { retain: true, qos: 1 });
  }

  /** How the client and its connection are now. */
  health(): ClientHealth {
    return { ...this.#connection.health(), pendingRequests: this.#requester.pendingCount };
  }

  /**
   * Connects; `send` and `emit` do it by themselves.
   * @throws {ConnectionError} if the broker cannot be reached or refuses the connection
   */
  override async connect(): Promise<void> {
    await this.#report(this.#connection.open(this.#requester));
  }

  /** Disconnects; requests that wait for a reply fail with a {@link ConnectionError}, and their handlers are stopped. */
  override async close(): Promise<void> {
    this.#requester.cancelAll();
    this.#messages.complete();
    this.#reports.close();
    await this.#connection.close(this.#requester);
  }

  /** Listens to an event of MQTT.js's client, from the first connection on if called before `connect()`. */
  override on<K extends keyof MqttEvents>(event: K, callback: MqttEvents[K]): void {
    this.#connection.on(event, callback);
  }

  /**
   * MQTT.js's client.
   * @throws if the client is not connected
   */
  override unwrap<T = MqttClient>(): T {
    const { client } = this.#connection;
    if (client === undefined) throw new Error('Not initialized. Please call the "connect" method first.');
    return client as T;
  }

  /** Not called by this class: for those below it that send packets of their own. */
  protected override publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const request = this.#request(packet, {
      next: (response) => callback({ response }),
      error: (err: unknown) => callback({ err, isDisposed: true }),
      complete: () => callback({ isDisposed: true }),
    });
    return () => request.unsubscribe();
  }

  protected override async dispatchEvent<T = void>(packet: ReadPacket): Promise<T> {
    const call = this.#toCall(packet);
    if (publishing.hasSubscribers) await this.#publishTraced(call);
    else await this.#publishEvent(call);
    return undefined as T;
  }

  /** What a handler threw becomes a {@link RemoteError}; what failed on this side stays as it is. */
  protected override serializeError(error: unknown): unknown {
    return toRequestError(error);
  }

  #publishTraced(call: OutboundCall): Promise<void> {
    const { topic, options } = call;
    const { qos = 0, retain = false } = options;
    const event = {
      connection: this.#connection.identity,
      topic,
      qos,
      retain,
      metadata: { ...call.metadata },
    };
    return publishing.tracePromise(async () => {
      await this.#publishEvent(withMetadata(call, event.metadata));
    }, event);
  }

  #publishEvent(call: OutboundCall): Promise<unknown> {
    const { topic, options } = call;
    const publication = this.#requester.eventDialect.encodeEvent(call);
    if (!(publication instanceof Promise)) return this.#publisher.publish(topic, publication, options);
    return publication.then((encoded) => this.#publisher.publish(topic, encoded, options));
  }

  #request(packet: CallPacket, observer: Observer<unknown>): Unsubscribable {
    const call = this.#toCall(packet);
    const timeoutMs = call.options.timeoutMs ?? this.#timeoutMs;
    return this.#requester.request(call, new SendRequest(call.topic, timeoutMs, observer, this.#conversion));
  }

  async #emit(pattern: unknown, data: unknown): Promise<void> {
    const packet = this.#toPacket(pattern, data);
    if (!this.#connection.isOpenFor(this.#requester) || this.#unopened > 0) {
      this.#unopened++;
      try {
        await this.#openToEmit();
      } finally {
        this.#unopened--; // in the same turn as what follows
      }
    }
    await this.dispatchEvent(packet);
  }

  /** With an outbox a message does not wait for the first connection in memory, but on disk. */
  async #openToEmit(): Promise<void> {
    if (this.#connection.hasOutbox) await this.#report(this.#connection.begin(this.#requester));
    else await this.connect();
  }

  /** From when the connection is there, unless the client is closed by then. */
  async #report(opening: Promise<unknown>): Promise<void> {
    const { closeCalls } = this.#reports;
    await opening;
    if (this.#reports.closeCalls === closeCalls) this.#reports.open();
  }

  /** As Nest's own, with what a dispatch hook attaches. */
  #toPacket(pattern: unknown, data: unknown): CallPacket {
    const packet: CallPacket = { pattern, data };
    (this as unknown as DispatchHook).onDispatchHook?.(packet);
    return packet;
  }

  #toCall(packet: CallPacket): OutboundCall {
    const { data, options } = unwrapRecord(packet.data);
    const pattern: unknown = packet.pattern;
    const topic = this.normalizePattern(packet.pattern as string);
    return { topic, pattern, data, options, metadata: packet.metadata, packet };
  }
}

function isNil(value: unknown): boolean {
  return value === undefined || value === null;
}

function checkTopic(option: string, topic: string | undefined): void {
  if (topic === undefined) return;
  const problem = topic.startsWith('$') ? 'it must not begin with "$"' : topicNameProblem(topic);
  if (problem !== undefined) throw new ConfigurationError(`The ${option} "${topic}" is invalid: ${problem}`);
}

function checkTimeout(timeoutMs = DEFAULT_TIMEOUT_MS): number {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return timeoutMs;
  throw new ConfigurationError(`timeoutMs must be a number of 0 or more, not ${inspect(timeoutMs)}`);
}

function checkMax(max: number): void {
  if (max === Infinity || (Number.isInteger(max) && max >= 1)) return;
  throw new ConfigurationError(`max must be 1 or more, not ${String(max)}`);
}
