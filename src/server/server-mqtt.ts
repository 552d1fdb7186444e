import { inspect } from 'node:util';
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
import type { BrokerConnection } from '../connection/broker-connection.js';
import { connectionFor } from '../connection/connection-for.js';
import { HealthReports } from '../connection/health-reports.js';
import type { MqttStatus } from '../connection/mqtt-status.js';
import type { Session } from '../connection/session.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { createPipeline, type Pipeline } from './create-pipeline.js';
import { cancellationRoute } from './cancellations.js';
import { checkConcurrency, toRoute, type HandlerRoute, type RegisteredHandler } from './handler-route.js';
import type { MqttContext } from '../message/mqtt-context.js';
import type { WithHooks } from './handler-runner.js';
import { replyTopicRule } from './reply-topic-rule.js';
import type { MqttHandlerOptions } from './handler-options.js';
import type { RuntimeSubscription } from './runtime-subscription.js';
import type { ServerHealth } from './server-health.js';
import { OWN_OPTIONS, type ServerMqttOptions } from './server-options.js';
import { ConfigurationError, ConnectionError, describeError } from '../errors.js';
import { TopicFilter } from '../topic/topic-filter.js';

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
  readonly #connection: BrokerConnection;
  readonly #handlers: RegisteredHandler[] = [];
  /** Nest's own, which only calls what it is given: not worth the promises that a hook takes. */
  readonly #noHook = this.onProcessingStartHook as unknown;
  readonly #withHooks: WithHooks = (context, run) => {
    const start = this.onProcessingStartHook;
    return new Promise((resolve, reject) => {
      const done = async (): Promise<void> => {
        await run().then(resolve, reject);
        this.#endProcessing(context);
      };
      Promise.resolve(start(this.transportId, context, done)).catch(reject);
    });
  };
  readonly #user = {
    onSession: ({ clientId }: Session) => void (this.#clientId = clientId),
    receive: (message: InboundMessage, routes: readonly HandlerRoute[]) =>
      this.#pipeline?.dispatcher.dispatch(message, routes),
  };
  readonly #reports = new HealthReports(() => ({
    role: 'server',
    connection: this.#connection.identity,
    health: this.health(),
  }));
  #routes: readonly HandlerRoute[] = [];
  #clientId = '';
  #pipeline: Pipeline | undefined;
  #closing: Promise<void> | undefined;
  #closeCalls = 0;

  /** @throws {ConfigurationError} if an option is wrong */
  constructor(options: ServerMqttOptions = {}) {
    super();
    Object.assign(this, { propagatesEventHandlerErrors: true }); // Nest 12: we see why an event handler failed
    this.transportId = options.transportId ?? Transport.MQTT;
    checkLimits(options);
    this.#options = options;
    const concurrency = checkConcurrency(options.concurrency ?? DEFAULT_CONCURRENCY);
    this.#connection = connectionFor(
      options,
      ServerMqtt.name,
      OWN_OPTIONS,
      withReceiveMaximum(options, concurrency),
    );
    this.#connection.subscriptions.retire(retiredSubscriptions(options));
    this.#expectMessages();
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

  /**
   * Handles the messages of one more Topic Filter from now on, with the delivery rules of handlers; Nest's pipes, guards and interceptors are for
   * controllers. Resolves when the broker has granted the subscription.
   * @throws {ConfigurationError} if the filter or an option is wrong
   * @throws {SubscriptionError} if the broker refuses the subscription
   * @throws {ConnectionError} if the server does not listen
   *
   * @example
   * ```ts
   * const subscription = await server.subscribe<Reading>('sites/{site}/reading', (reading, { params }) => store(params.site, reading), { qos: 1 });
   * await subscription.unsubscribe();
   * ```
   */
  async subscribe<TData = unknown>(
    filter: string,
    handler: (data: TData, context: MqttContext) => unknown,
    options: MqttHandlerOptions = {},
  ): Promise<RuntimeSubscription> {
    if (this.#pipeline === undefined || this.#closing !== undefined)
      throw new ConnectionError('The server does not listen', this.#connection.address);
    const handle = async (data: TData, context: MqttContext): Promise<never> =>
      (await handler(data, context)) as never;
    const route = toRoute(
      { pattern: filter, handler: handle as MessageHandler, isEventHandler: true, extras: options },
      this.#options,
    );
    this.#routes = [...this.#routes, route];
    const { subscriptions } = this.#connection;
    await subscriptions.add(this.#user, [route]).catch(unlessConnectionLost);
    return {
      filter: route.filter.subscription,
      unsubscribe: async () => {
        this.#routes = this.#routes.filter((other) => other !== route);
        await subscriptions.remove([route]);
      },
    };
  }

  /** How the server and its connection are now. */
  health(): ServerHealth {
    const { running = 0, waiting = 0, dropped = 0, expired = 0 } = this.#pipeline?.count() ?? {};
    const listening = this.#closing === undefined && this.#connection.isOpenFor(this.#user);
    return { ...this.#connection.health(), listening, running, waiting, dropped, expired };
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
    const handlers = this.#handlers.map((handler) => toRoute(handler, this.#options));
    const cancellations = cancellationRoute(handlers, this.#options, this.logger);
    const routes = cancellations === undefined ? handlers : [...handlers, cancellations];
    const { keepsSession, protocolVersion } = this.#connection;
    this.#pipeline = createPipeline(routes, {
      options: this.#options,
      logger: this.logger,
      concurrency: this.#options.concurrency ?? DEFAULT_CONCURRENCY,
      protocolVersion,
      keepsSession,
      cancellations,
      responderName: () => this.#options.responderName ?? this.#clientId,
      connection: () => this.#connection.identity,
      publish: (topic, payload, options) => this.#connection.publish(topic, payload, options),
      normalizePattern: (pattern) => this.normalizePattern(pattern as string),
      hooks: () => this.#hooks(),
    });
    this.#connection.subscriptions.forget(this.#routes);
    this.#routes = routes;
    await this.#start(routes);
  }

  async #start(routes: readonly HandlerRoute[]): Promise<void> {
    const { subscriptions } = this.#connection;
    this.#reports.open();
    try {
      await subscriptions.add(this.#user, routes).catch(unlessConnectionLost);
      await this.#connection.open(this.#user);
      await this.#connection.ready(this.#user);
    } catch (error) {
      this.#expectMessages();
      subscriptions.forget(routes);
      await this.#connection.close(this.#user);
      this.#reports.close();
      throw error;
    }
  }

  /** A `close()` that comes while a `listen()` waits for the one before it is for that `listen()`. */
  async #afterClosing(closing: Promise<void>): Promise<void> {
    const calls = this.#closeCalls;
    await closing;
    if (this.#closeCalls !== calls)
      throw new ConnectionError('The server was closed', this.#connection.address);
  }

  async #close(): Promise<void> {
    const { keepsSession, subscriptions } = this.#connection;
    if (!keepsSession) await this.#unsubscribe();
    await this.#pipeline?.drain(this.#options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS);
    await this.#connection.close(this.#user);
    this.#expectMessages();
    subscriptions.forget(this.#routes);
    this.#pipeline = undefined;
    this.#reports.close();
  }

  /** Others may keep the connection open: what a kept session brings waits for `listen()`. */
  #expectMessages(): void {
    const { keepsSession, subscriptions } = this.#connection;
    if (keepsSession && this.#options.connection !== undefined) subscriptions.expect(this.#user);
  }

  /**
   * What arrives until the broker has confirmed it is still handled, and running requests can still be cancelled; what a kept
   * session has stays with the broker.
   */
  async #unsubscribe(): Promise<void> {
    try {
      await this.#connection.subscriptions.remove(
        this.#routes.filter(({ onRefused }) => onRefused === undefined),
      );
    } catch (error) {
      this.logger.debug(`Closing without an UNSUBACK: ${(error as Error).message}`);
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

  #hooks(): WithHooks | undefined {
    const start = this.onProcessingStartHook as typeof this.onProcessingStartHook | undefined; // since Nest 11.1.6
    const hasNone = start === undefined || (start === this.#noHook && this.onProcessingEndHook === undefined);
    return hasNone ? undefined : this.#withHooks;
  }
}

/** The next session will have what this one did not get. */
function unlessConnectionLost(error: unknown): void {
  if (!(error instanceof ConnectionError)) throw error;
}

/** The broker holds back what we would not handle yet; it knows of it on MQTT 5 only. */
function withReceiveMaximum(options: ServerMqttOptions, concurrency: number): ServerMqttOptions {
  if (options.protocolVersion !== 5 || concurrency > MAX_RECEIVE_MAXIMUM) return options;
  return { ...options, properties: { receiveMaximum: concurrency, ...options.properties } };
}

function checkLimits(options: ServerMqttOptions): void {
  for (const name of ['maxQueued', 'drainTimeoutMs'] as const) {
    const value = options[name] ?? 0;
    if (typeof value === 'number' && value >= 0) continue;
    throw new ConfigurationError(`${name} must be a number of 0 or more, not ${inspect(value)}`);
  }
  retiredSubscriptions(options);
  replyTopicRule(options);
}

function retiredSubscriptions({ retiredFilters = [] }: ServerMqttOptions): string[] {
  return retiredFilters.map((filter) => TopicFilter.parse(filter).subscription);
}
