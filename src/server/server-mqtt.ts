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
import type { Session } from '../connection/session.js';
import type { SubscriptionGrant } from '../connection/subscribe.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { Dispatcher } from './dispatcher.js';
import { toRoute, type RegisteredHandler } from './handler-route.js';
import type { MqttContext } from './mqtt-context.js';
import { OutcomeLog } from './outcome-log.js';
import { Responder } from './responder.js';
import { Router } from './router.js';
import type { ServerMqttOptions } from './server-options.js';
import { SubscriptionPlan } from './subscription-plan.js';

const SHOWN_OVERLAPS = 5;

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
  readonly #outcomes = new OutcomeLog(this.logger);
  #plan = new SubscriptionPlan([]);
  #dispatcher: Dispatcher | undefined;
  #subscribed = false;

  /** @throws {ConfigurationError} if an option is wrong */
  constructor(options: ServerMqttOptions = {}) {
    super();
    Object.assign(this, { propagatesEventHandlerErrors: true }); // Nest 12: we see why an event handler failed
    this.transportId = options.transportId ?? Transport.MQTT;
    this.#options = options;
    this.#connection = new MqttConnection(options, ServerMqtt.name);
    this.#connection.onMessage((message) => void this.#dispatch(message)); // never rejects
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

  /** Disconnects; `listen()` may be called again. */
  override async close(): Promise<void> {
    await this.#connection.close();
    this.#subscribed = false;
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
    this.#plan = new SubscriptionPlan(this.#handlers.map((handler) => toRoute(handler, this.#options)));
    const { deserializer, serializer, userProperties } = this.#options;
    this.#dispatcher = new Dispatcher({
      router: new Router(this.#plan),
      responder: new Responder({
        publish: (topic, payload, options) => this.#connection.publish(topic, payload, options),
        serializer,
        userProperties,
      }),
      deserializer,
      normalizePattern: (pattern) => this.normalizePattern(pattern as string),
      withHooks: (context, run) => this.#withHooks(context, run),
    });
    await this.#connection.open();
  }

  async #dispatch(message: InboundMessage): Promise<void> {
    const outcomes = (await this.#dispatcher?.dispatch(message)) ?? [];
    for (const outcome of outcomes) this.#outcomes.report(message, outcome);
  }

  async #subscribe(session: Session): Promise<void> {
    if (session.present && this.#subscribed) return;
    const requests = session.subscriptionIdentifiers
      ? this.#plan.identified.map(({ request }) => request)
      : this.#covering();
    this.#warnOfLowerQos(requests.length === 0 ? [] : await this.#connection.subscribe(requests));
    this.#subscribed = true;
  }

  #covering() {
    const overlaps = this.#plan.overlaps(SHOWN_OVERLAPS).map(([one, other]) => `"${one}" and "${other}"`);
    if (overlaps.length > 0 && !this.#subscribed) {
      this.logger.warn(
        `These filters overlap: ${overlaps.join('; ')}. This broker does not say which one a message is for ` +
          '(MQTT 5 brokers do), and may deliver it twice: their handlers then run twice',
      );
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

  #withHooks(context: MqttContext, run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onProcessingStartHook(this.transportId, context, async () => {
        try {
          resolve(await run());
        } catch (error) {
          reject(error);
        } finally {
          this.onProcessingEndHook?.(this.transportId, context);
        }
      });
    });
  }
}
