import { Logger } from '@nestjs/common';
import { ClientProxy, type MqttEvents, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import { defer, mergeMap, Observable } from 'rxjs';
import { MqttConnection } from '../connection/mqtt-connection.js';
import type { MqttStatus } from '../connection/mqtt-status.js';
import { ConfigurationError, MqttTransportError, RemoteError } from '../errors.js';
import { unwrapRecord } from '../message/mqtt-record.js';
import { topicNameProblem } from '../topic/topic-name.js';
import type { ClientMqttOptions, SendToManyOptions } from './client-options.js';
import { ClientPublisher } from './client-publisher.js';
import { GatherRequest, type ResponderReply } from './gather-request.js';
import type { OutboundCall } from './request-dialect.js';
import { Requester } from './requester.js';
import { SendRequest } from './send-request.js';

type CallPacket = ReadPacket & { readonly metadata?: Readonly<Record<string, string>> };

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Nest's client proxy for MQTT 3.1.1 and 5.
 *
 * `emit` completes when the broker has acknowledged the message (QoS 1 and 2) or it is written (QoS 0), and fails with a
 * {@link PublishError} or a {@link ConnectionError}. `send` emits the replies, and fails with a {@link RemoteError} that
 * holds what the handler threw, a {@link RequestTimeoutError} when no reply comes in time, or a {@link NoRespondersError};
 * unsubscribing from it stops the handler. All take data, or an `MqttRecord` with options.
 *
 * @example
 * ```ts
 * ClientsModule.register([{ name: 'DEVICES', customClass: ClientMqtt, options: { url: 'mqtt://localhost:1883' } }])
 * ```
 */
export class ClientMqtt extends ClientProxy<MqttEvents> {
  readonly #connection: MqttConnection;
  readonly #publisher: ClientPublisher;
  readonly #requester: Requester;
  readonly #timeoutMs: number;
  readonly #hasOutbox: boolean;
  #isEmitting = false;

  /** @throws {ConfigurationError} if an option is wrong */
  constructor(options: ClientMqttOptions = {}) {
    super();
    checkTopic('replyTopic', options.replyTopic);
    checkTopic('cancelTopic', options.cancelTopic === false ? undefined : options.cancelTopic);
    this.#timeoutMs = checkTimeout(options.timeoutMs);
    this.#hasOutbox = options.outbox !== undefined;
    const maxConnectionAttempts = options.maxConnectionAttempts ?? 1;
    this.#connection = new MqttConnection({ ...options, maxConnectionAttempts }, ClientMqtt.name);
    this.#publisher = new ClientPublisher(this.#connection, options.userProperties);
    const logger = new Logger(ClientMqtt.name);
    this.#requester = new Requester(this.#connection, this.#publisher, options, logger);
  }

  /** What the connection to the broker does: `connected`, `disconnected`, `reconnecting`, `closed`. */
  override get status(): Observable<MqttStatus> {
    return this.#connection.status;
  }

  /**
   * Sends one request to all responders, and emits what each of them answers, as it comes. Completes when `max` of them
   * have answered, or after `timeoutMs`, with as many as there are by then; who still works on it is told to stop.
   * Responders are members of different groups: a Shared Subscription gives the request to one of its members.
   *
   * @example
   * ```ts
   * const replies = await lastValueFrom(client.sendToMany<Health>('health', {}, { timeoutMs: 500 }).pipe(toArray()));
   * for (const { responder, value, error } of replies) console.log(responder, error?.message ?? value);
   * ```
   */
  sendToMany<TResult = unknown>(
    pattern: unknown,
    data: unknown,
    options: SendToManyOptions = {},
  ): Observable<ResponderReply<TResult>> {
    const max = checkMax(options.max);
    checkTimeout(options.timeoutMs);
    return defer(() => this.connect()).pipe(
      mergeMap(
        () =>
          new Observable<ResponderReply>((subscriber) => {
            const packet: CallPacket = { pattern, data };
            this.onDispatchHook?.(packet);
            const call = this.#toCall(packet);
            const timeoutMs = options.timeoutMs ?? call.options.timeoutMs ?? this.#timeoutMs;
            return this.#requester.request(call, new GatherRequest(timeoutMs, max, subscriber));
          }),
      ),
    ) as Observable<ResponderReply<TResult>>;
  }

  /**
   * Connects; `send` and `emit` do it by themselves.
   * @throws {ConnectionError} if the broker cannot be reached or refuses the connection
   */
  override connect(): Promise<void> {
    return this.#isEmitting ? this.#connection.begin() : this.#connection.open();
  }

  /** With an outbox a message does not wait for the first connection in memory, but on disk. */
  override emit<TResult = unknown, TInput = unknown>(pattern: unknown, data: TInput): Observable<TResult> {
    this.#isEmitting = this.#hasOutbox;
    try {
      return super.emit(pattern, data); // calls connect() at once
    } finally {
      this.#isEmitting = false;
    }
  }

  /** Disconnects; requests that wait for a reply fail with a {@link ConnectionError}, and their handlers are stopped. */
  override close(): Promise<void> {
    this.#requester.cancelAll();
    return this.#connection.close();
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

  protected override publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const call = this.#toCall(packet);
    const timeoutMs = call.options.timeoutMs ?? this.#timeoutMs;
    return this.#requester.request(call, new SendRequest(call.topic, timeoutMs, callback));
  }

  protected override async dispatchEvent<T = void>(packet: ReadPacket): Promise<T> {
    const call = this.#toCall(packet);
    const publication = await this.#requester.eventDialect.encodeEvent(call);
    await this.#publisher.publish(call.topic, publication, call.options);
    return undefined as T;
  }

  /** What a handler threw becomes a {@link RemoteError}; what failed on this side stays as it is. */
  protected override serializeError(error: unknown): unknown {
    return error instanceof MqttTransportError ? error : new RemoteError(error);
  }

  #toCall(packet: CallPacket): OutboundCall {
    const { data, options } = unwrapRecord(packet.data);
    const pattern: unknown = packet.pattern;
    const topic = this.normalizePattern(packet.pattern as string);
    return { topic, pattern, data, options, metadata: packet.metadata, packet };
  }
}

function checkTopic(option: string, topic: string | undefined): void {
  if (topic === undefined) return;
  const problem = topic.startsWith('$') ? 'it must not begin with "$"' : topicNameProblem(topic);
  if (problem !== undefined) throw new ConfigurationError(`The ${option} "${topic}" is invalid: ${problem}`);
}

function checkTimeout(timeoutMs = DEFAULT_TIMEOUT_MS): number {
  if (timeoutMs >= 0) return timeoutMs;
  throw new ConfigurationError(`timeoutMs must be 0 or more, not ${String(timeoutMs)}`);
}

function checkMax(max = Infinity): number {
  if (max === Infinity || (Number.isInteger(max) && max >= 1)) return max;
  throw new ConfigurationError(`max must be 1 or more, not ${String(max)}`);
}
