import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { ClientProxy, type MqttEvents, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import type { Observable } from 'rxjs';
import { MqttConnection } from '../connection/mqtt-connection.js';
import type { MqttStatus } from '../connection/mqtt-status.js';
import { cannotPublish } from '../connection/publish-problem.js';
import {
  ConfigurationError,
  ConnectionError,
  describeError,
  MqttTransportError,
  printable,
  RemoteError,
} from '../errors.js';
import { ACKNOWLEDGE } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { unwrapRecord, type MqttRecordOptions } from '../message/mqtt-record.js';
import { topicNameProblem } from '../topic/topic-name.js';
import { withClientId } from '../topic/with-client-id.js';
import type { ClientMqttOptions } from './client-options.js';
import { createDialect } from './create-dialect.js';
import { PendingRequests } from './pending-requests.js';
import { ReplySubscriptions } from './reply-subscriptions.js';
import type { InboundReply, OutboundCall, OutboundPublication, RequestDialect } from './request-dialect.js';

const DEFAULT_REPLY_TOPIC = 'clients/{clientId}/replies';

/**
 * Nest's client proxy for MQTT 3.1.1 and 5.
 *
 * `emit` completes when the broker has acknowledged the message (QoS 1 and 2) or it is written (QoS 0), and fails with a
 * {@link PublishError} or a {@link ConnectionError}. `send` emits the replies, and fails with a {@link RemoteError} that
 * holds what the handler threw. Both take data, or an `MqttRecord` with options.
 *
 * @example
 * ```ts
 * ClientsModule.register([{ name: 'DEVICES', customClass: ClientMqtt, options: { url: 'mqtt://localhost:1883' } }])
 * ```
 */
export class ClientMqtt extends ClientProxy<MqttEvents> {
  readonly #options: ClientMqttOptions;
  readonly #connection: MqttConnection;
  readonly #pending = new PendingRequests();
  readonly #replies: ReplySubscriptions;
  readonly #logger = new Logger(ClientMqtt.name);
  #dialect: RequestDialect | undefined;
  #strayReplyReported = false;
  #reading: Promise<void> = Promise.resolve();

  /** @throws {ConfigurationError} if an option is wrong */
  constructor(options: ClientMqttOptions = {}) {
    super();
    checkReplyTopic(options.replyTopic);
    this.#options = options;
    const maxConnectionAttempts = options.maxConnectionAttempts ?? 1;
    this.#connection = new MqttConnection({ ...options, maxConnectionAttempts }, ClientMqtt.name);
    this.#connection.onSession(({ clientId }) => this.#useReplyTopicOf(clientId));
    this.#connection.onMessage((message) => this.#receive(message));
    this.#connection.onClosed((error) => this.#pending.failAll(error));
    this.#replies = new ReplySubscriptions(this.#connection, (error) => this.#pending.failAll(error));
  }

  /** What the connection to the broker does: `connected`, `disconnected`, `reconnecting`, `closed`. */
  override get status(): Observable<MqttStatus> {
    return this.#connection.status;
  }

  /**
   * Connects; `send` and `emit` do it by themselves.
   * @throws {ConnectionError} if the broker cannot be reached or refuses the connection
   */
  override connect(): Promise<void> {
    return this.#connection.open();
  }

  /** Disconnects; requests that wait for a reply fail with a {@link ConnectionError}. */
  override close(): Promise<void> {
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
    const id = randomUUID();
    this.#pending.add(id, callback);
    this.#request(packet, id).catch((error: unknown) => this.#pending.fail(id, error));
    return () => this.#pending.delete(id);
  }

  protected override async dispatchEvent<T = void>(packet: ReadPacket): Promise<T> {
    const { call, options } = this.#toCall(packet);
    const publication = await this.#dialectInUse().encodeEvent(call);
    return (await this.#publish(call.topic, publication, options)) as T;
  }

  /** What a handler threw becomes a {@link RemoteError}; what failed on this side stays as it is. */
  protected override serializeError(error: unknown): unknown {
    return error instanceof MqttTransportError ? error : new RemoteError(error);
  }

  async #request(packet: ReadPacket, id: string): Promise<void> {
    const { call, options } = this.#toCall(packet);
    const problem = topicNameProblem(call.topic);
    if (problem !== undefined) throw cannotPublish(call.topic, problem);
    const dialect = this.#dialectInUse();
    await this.#replies.ensure(dialect.replyTopic(call.topic));
    const publication = await dialect.encodeRequest(call, id);
    if (this.#pending.has(id)) await this.#publish(call.topic, publication, options);
  }

  #toCall(packet: ReadPacket & { readonly metadata?: Readonly<Record<string, string>> }): {
    call: OutboundCall;
    options: MqttRecordOptions;
  } {
    const { data, options } = unwrapRecord(packet.data);
    const pattern: unknown = packet.pattern;
    const topic = this.normalizePattern(packet.pattern as string);
    return { call: { topic, pattern, data, metadata: packet.metadata, packet }, options };
  }

  /** The client's User Properties, then the hook's, then the record's; a record cannot redirect the replies. */
  #publish(
    topic: string,
    { payload, properties }: OutboundPublication,
    options: MqttRecordOptions,
  ): Promise<void> {
    const userProperties = {
      ...this.#options.userProperties,
      ...properties?.userProperties,
      ...options.properties?.userProperties,
    };
    const { responseTopic, correlationData } = properties ?? {};
    return this.#connection.publish(topic, payload, {
      ...options,
      properties: {
        ...properties,
        ...options.properties,
        ...(responseTopic !== undefined && { responseTopic }),
        ...(correlationData !== undefined && { correlationData }),
        userProperties,
      },
    });
  }

  #receive(message: InboundMessage): void {
    message.settle(ACKNOWLEDGE);
    const inbound = this.#dialect?.readReply(message);
    if (!(inbound instanceof Promise)) {
      this.#take(message, inbound);
      return;
    }
    this.#reading = Promise.all([inbound, this.#reading]).then(
      ([reply]) => this.#take(message, reply), // in the order in which they came
      (error: unknown) =>
        this.#logger.error(printable(`Cannot read the reply on "${message.topic}": ${describeError(error)}`)),
    );
  }

  #take(message: InboundMessage, inbound: InboundReply | undefined): void {
    if (inbound === undefined || !this.#pending.has(inbound.id)) this.#reportStrayReply(message);
    else this.#deliver(inbound);
  }

  #deliver({ id, decode }: InboundReply): void {
    try {
      this.#pending.deliver(id, decode());
    } catch (error) {
      this.#pending.fail(id, error);
    }
  }

  /** Late replies are no fault: one line at all. */
  #reportStrayReply({ topic }: InboundMessage): void {
    if (this.#strayReplyReported) return;
    this.#strayReplyReported = true;
    this.#logger.warn(
      printable(
        `Dropped a message on "${topic}" that replies to no pending request; others are not reported`,
      ),
    );
  }

  #dialectInUse(): RequestDialect {
    if (this.#dialect === undefined) throw new ConnectionError('Not connected', this.#connection.address);
    return this.#dialect;
  }

  #useReplyTopicOf(clientId: string): void {
    const template = this.#options.replyTopic ?? DEFAULT_REPLY_TOPIC;
    this.#dialect = createDialect(this.#options, withClientId(template, clientId || randomUUID()));
  }
}

function checkReplyTopic(replyTopic = DEFAULT_REPLY_TOPIC): void {
  const problem = replyTopic.startsWith('$') ? 'it must not begin with "$"' : topicNameProblem(replyTopic);
  if (problem !== undefined)
    throw new ConfigurationError(`The replyTopic "${replyTopic}" is invalid: ${problem}`);
}
