import { Logger } from '@nestjs/common';
import {
  Server,
  Transport,
  type CustomTransportStrategy,
  type MessageHandler,
  type MqttEvents,
} from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import type { Observable } from 'rxjs';
import { MqttConnection } from '../connection/mqtt-connection.js';
import type { MqttStatus } from '../connection/mqtt-status.js';
import { isSessionKept, type Session } from '../connection/session.js';
import type { SubscriptionGrant, SubscriptionRequest } from '../connection/subscribe.js';
import { describeOverlap } from './describe-overlap.js';
import { createPipeline, type Pipeline } from './create-pipeline.js';
import { cancellationRoute } from './cancellations.js';
import { checkConcurrency, toRoute, type HandlerRoute, type RegisteredHandler } from './handler-route.js';
import type { MqttContext } from './mqtt-context.js';
import { replyTopicRule } from './reply-topic-rule.js';
import type { ServerMqttOptions } from './server-options.js';
import { SubscriptionPlan } from './subscription-plan.js';
import { ConfigurationError, ConnectionError, describeError, SubscriptionError } from '../errors.js';
import { TopicFilter } from '../topic/topic-filter.js';

const SHOWN_OVERLAPS = 5;
const DEFAULT_CONCURRENCY = 1000;
const DRAIN_TIMEOUT_MS = 10_000;
const MAX_RECEIVE_MAXIMUM = 65_535;

/**
 * Nest's transport strategy for MQTT 3.1.1 and 5.
 *
 * @example
 * ```ts
 * const app = await NestFactory.createMicroservice(AppModule, {
 *   strategy: new ServerMqtt({ url: 'mqtt://localhost:1883', protocolVersion: 5 }),
 * });
 * await app.listen();
 * ```
 */
export class ServerMqtt extends Server<MqttEvents, MqttStatus> implements CustomTransportStrategy {
  override transportId: Transport | symbol;
  protected override readonly logger = new Logger(ServerMqtt.name);
  readonly #options: ServerMqttOptions;
  readonly #connection: MqttConnection;
  readonly #handlers: RegisteredHandler[] = [];
  /** Nest's own, which only calls what it is given: not worth the promises that a hook takes. */
  readonly #noHook = this.onProcessingStartHook as unknown;
  #plan = new SubscriptionPlan([]);
  #cancellations: HandlerRoute | undefined;
  #clientId = '';
  #pipeline: Pipeline | undefined;
  /** The filters that the session has of us. */
  #subscribed: readonly string[] = [];
  #closing: Promise<void> | undefined;
  #closeCalls = 0;

  /** @throws {ConfigurationError} if an option is wrong */
  constructor(options: ServerMqttOptions = {}) {
    super();
    Object.assign(this, { propagatesEventHandlerErrors: true }); // Nest 12: we see why an event handler failed
    this.transportId = options.transportId ?? Transport.MQTT;
    checkLimits(options);
    this.#options = options;
    const connectionOptions = withReceiveMaximum(
      options,
      checkConcurrency(options.concurrency ?? DEFAULT_CONCURRENCY),
    );
    this.#connection = new MqttConnection(connectionOptions, ServerMqtt.name);
    this.#connection.onMessage((message) => this.#pipeline?.dispatcher.dispatch(message));
    this.#connection.onSession((session) => this.#subscribe(session));
  }

  /** What the connection to the broker does: `connected`, `disconnected`, `reconnecting`, `closed`. */
  override get status(): Observable<MqttStatus> {
    return this.#connection.status;
  }

  /** Every handler of a pattern is kept, and run by itself: Nest's own chain of them would run as one. */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: RegisteredHandler['extras'] = {},
  ): void {
    const normalized: unknown = this.normalizePattern(pattern as string);
    Object.assign(callback, { isEventHandler, extras });
    this.#handlers.push({ pattern: normalized, handler: callback, isEventHandler, extras });
    const key = String(normalized);
    if (!this.messageHandlers.has(key)) this.messageHandlers.set(key, callback);
  }

  /**
   * Connects and subscribes. The callback is called when the broker has granted every subscription, or with a
   * {@link ConfigurationError}, {@link ConnectionError} or {@link SubscriptionError}; the server is closed then.
   */
  override listen(callback: (error?: unknown) => void): void {
    this.#listen().then(() => callback(), callback);
  }

  /**
   * Takes no more messages, waits up to `drainTimeoutMs` for the handlers of those it has, sends their replies and
   * acknowledgements, and disconnects. What did not end by then stays unacknowledged. `listen()` may be called again.
   */
  override close(): Promise<void> {
    this.#closeCalls++;
    this.#closing ??= this.#close().finally(() => (this.#closing = undefined));
    return this.#closing;
  }

  /** Listens to an event of MQTT.js's client, from the first connection on if called before `listen()`. */
  override on<K extends keyof MqttEvents>(event: K, callback: MqttEvents[K]): void {
    this.#connection.on(event, callback);
  }

  /**
   * MQTT.js's client.
   * @throws if the server does not listen
   */
  override unwrap<T = MqttClient>(): T {
    const { client } = this.#connection;
    if (client === undefined)
      throw new Error('Not initialized. Please call "listen"/"startAllMicroservices" first.');
    return client as T;
  }

  async #listen(): Promise<void> {
    if (this.#closing !== undefined) await this.#afterClosing(this.#closing);
    const routes = this.#handlers.map((handler) => toRoute(handler, this.#options));
    this.#cancellations = cancellationRoute(routes, this.#options);
    this.#plan = new SubscriptionPlan(this.#cancellations ? [...routes, this.#cancellations] : routes);
    this.#pipeline = createPipeline(this.#plan, {
      options: this.#options,
      logger: this.logger,
      concurrency: this.#options.concurrency ?? DEFAULT_CONCURRENCY,
      keepsSession: isSessionKept(this.#options),
      cancellations: this.#cancellations,
      clientId: () => this.#clientId,
      publish: (topic, payload, options) => this.#connection.publish(topic, payload, options),
      normalizePattern: (pattern) => this.normalizePattern(pattern as string),
      withHooks: (context, run) => this.#withHooks(context, run),
    });
    await this.#connection.open();
  }

  /** A `close()` that comes while a `listen()` waits for the one before it is for that `listen()`. */
  async #afterClosing(closing: Promise<void>): Promise<void> {
    const calls = this.#closeCalls;
    await closing;
    if (this.#closeCalls !== calls)
      throw new ConnectionError('The server was closed', this.#connection.address);
  }

  async #close(): Promise<void> {
    const pipeline = this.#pipeline;
    if (!isSessionKept(this.#options)) await this.#unsubscribe();
    await pipeline?.drain(this.#options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS);
    await this.#connection.close();
    this.#subscribed = [];
  }

  /** What arrives until the broker has confirmed it is still handled; what a kept session has stays with the broker. */
  async #unsubscribe(): Promise<void> {
    if (this.#subscribed.length === 0) return;
    try {
      await this.#connection.unsubscribe(this.#subscribed);
    } catch (error) {
      this.logger.debug(`Closing without an UNSUBACK: ${(error as Error).message}`);
    }
  }

  async #subscribe(session: Session): Promise<void> {
    this.#clientId = session.clientId;
    if (!session.present) this.#subscribed = [];
    const isFirst = this.#subscribed.length === 0;
    if (session.present && isFirst) await this.#retire();
    if (session.present && !isFirst) return;
    const requests = session.subscriptionIdentifiers
      ? this.#plan.identified.map(({ request }) => request)
      : this.#covering(isFirst);
    const cancelFilter = this.#cancellations?.subscription.filter;
    const ofHandlers = requests.filter(({ filter }) => filter !== cancelFilter);
    if (ofHandlers.length === 0) return;
    this.#warnOfLowerQos(await this.#connection.subscribe(ofHandlers));
    this.#subscribed = ofHandlers.map(({ filter }) => filter);
    await this.#subscribeToCancellations(requests.filter(({ filter }) => filter === cancelFilter));
  }

  /** Requests are answered without it, too. */
  async #subscribeToCancellations(requests: readonly SubscriptionRequest[]): Promise<void> {
    if (requests.length === 0) return;
    try {
      await this.#connection.subscribe(requests);
    } catch (error) {
      if (!(error instanceof SubscriptionError)) throw error;
      this.logger.warn(`${error.message}: requests cannot be cancelled (see the option cancelTopic)`);
    }
  }

  async #retire(): Promise<void> {
    const filters = retiredSubscriptions(this.#options);
    if (filters.length > 0) await this.#connection.unsubscribe(filters);
  }

  #covering(isFirst: boolean): readonly SubscriptionRequest[] {
    const overlaps = isFirst ? this.#plan.overlaps(SHOWN_OVERLAPS).map(describeOverlap) : [];
    if (overlaps.length > 0) {
      const why = 'this broker does not say which one a message is for (MQTT 5 brokers do)';
      this.logger.warn(`These filters overlap, and ${why}: ${overlaps.join('; ')}`);
    }
    return this.#plan.covering();
  }

  #warnOfLowerQos(grants: readonly SubscriptionGrant[]): void {
    for (const { filter, qos, requestedQos } of grants) {
      if (qos < requestedQos) {
        this.logger.warn(
          `The broker granted QoS ${qos} for "${filter}", not the ${requestedQos} that was asked for`,
        );
      }
    }
  }

  /** What has been handled stays so, whatever a hook does afterwards. */
  #endProcessing(context: MqttContext): void {
    try {
      this.onProcessingEndHook?.(this.transportId, context);
    } catch (error) {
      this.logger.error(`The processing end hook failed: ${describeError(error)}`);
    }
  }

  #withHooks(context: MqttContext, run: () => Promise<void>): Promise<void> {
    const start = this.onProcessingStartHook as typeof this.onProcessingStartHook | undefined; // since Nest 11.1.6
    if (start === undefined || (start === this.#noHook && this.onProcessingEndHook === undefined))
      return run();
    return new Promise((resolve, reject) => {
      const done = async (): Promise<void> => {
        await run().then(resolve, reject);
        this.#endProcessing(context);
      };
      Promise.resolve(start(this.transportId, context, done)).catch(reject);
    });
  }
}

/** The broker holds back what we would not handle yet; it knows of it on MQTT 5 only. */
function withReceiveMaximum(options: ServerMqttOptions, concurrency: number): ServerMqttOptions {
  if (options.protocolVersion !== 5 || concurrency > MAX_RECEIVE_MAXIMUM) return options;
  return { ...options, properties: { receiveMaximum: concurrency, ...options.properties } };
}

function checkLimits(options: ServerMqttOptions): void {
  for (const name of ['maxQueued', 'drainTimeoutMs'] as const) {
    const value = options[name] ?? 0;
    if (!(value >= 0)) throw new ConfigurationError(`${name} must be 0 or more, not ${value}`);
  }
  retiredSubscriptions(options);
  replyTopicRule(options);
}

function retiredSubscriptions({ retiredFilters = [] }: ServerMqttOptions): string[] {
  return retiredFilters.map((filter) => TopicFilter.parse(filter).subscription);
}
