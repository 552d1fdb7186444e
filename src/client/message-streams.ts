import type { LoggerService } from '@nestjs/common';
import { Observable, type Subscriber as Observer } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import type { BrokerConnection } from '../connection/broker-connection.js';
import {
  toSubscriptionRequest,
  type SubscriptionOptions,
} from '../connection/subscriptions/subscription-options.js';
import type { Interest } from '../connection/subscriptions/subscription-plan.js';
import type { HandleFacts } from '../diagnostics/handle-event.js';
import { handling, traceHandling, type Ending } from '../diagnostics/trace-handling.js';
import { ConnectionError, describeError, printable } from '../errors.js';
import { checkAck } from '../message/ack-mode.js';
import { ACKNOWLEDGE, PAYLOAD_FORMAT_INVALID } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { MqttContext } from '../message/mqtt-context.js';
import { TopicFilter } from '../topic/topic-filter.js';

/** How {@link ClientMqtt.messages} subscribes and reads. */
export interface MessagesOptions extends SubscriptionOptions {
  /** How payloads are read. Default: the client's. */
  readonly codec?: Codec | undefined;
  /**
   * When the broker is answered for a QoS 1 or QoS 2 message: `after` the observer has taken it, on `receipt`, or when
   * `acknowledge()`, `reject()` or `withhold()` of its context is called (`manual`). Default `after`.
   */
  readonly ack?: 'after' | 'receipt' | 'manual' | undefined;
}

/** A message of a topic that a client listens to. */
export interface ReceivedMessage<TData = unknown> {
  /** The payload, as the codec reads it. */
  readonly data: TData;
  /** Its topic, named levels, QoS, properties and the rest. */
  readonly context: MqttContext;
}

interface MessageStreamsSettings {
  readonly connection: BrokerConnection;
  readonly connect: () => Promise<void>;
  readonly codec: Codec;
  readonly logger: LoggerService;
}

/** The messages of Topic Filters as Observables, subscribed to while they are. */
export class MessageStreams {
  readonly #settings: MessageStreamsSettings;
  readonly #observers = new Set<Observer<ReceivedMessage>>();

  constructor(settings: MessageStreamsSettings) {
    this.#settings = settings;
  }

  /** @throws {ConfigurationError} */
  of(source: string, options: MessagesOptions): Observable<ReceivedMessage> {
    const filter = TopicFilter.parse(source);
    const subscription = toSubscriptionRequest(filter, options);
    checkAck(options.ack ?? 'after');
    return new Observable((observer) => {
      const interest: Interest = { filter, subscription, onRefused: (error) => observer.error(error) };
      const receive = (message: InboundMessage): void => this.#deliver(message, filter, options, observer);
      this.#observers.add(observer);
      this.#subscribe(interest, receive, observer).catch((error: unknown) => observer.error(error));
      return () => {
        this.#observers.delete(observer);
        this.#settings.connection.subscriptions.remove([interest]).catch(() => undefined); // there may be no connection any more
      };
    });
  }

  /** The client is closed. */
  complete(): void {
    for (const observer of this.#observers) observer.complete();
  }

  /** The connection has ended, and is not made again. */
  fail(error: Error): void {
    for (const observer of this.#observers) observer.error(error);
  }

  async #subscribe(
    interest: Interest,
    receive: (message: InboundMessage) => void,
    observer: Observer<ReceivedMessage>,
  ): Promise<void> {
    // before there is a connection, on which a session that was kept begins with what it has for the filter
    await this.#settings.connection.subscriptions.add({ receive }, [interest]).catch((error: unknown) => {
      if (!(error instanceof ConnectionError)) throw error; // else the next session has it
    });
    if (!observer.closed) await this.#settings.connect();
  }

  #deliver(
    message: InboundMessage,
    filter: TopicFilter,
    { codec = this.#settings.codec, ack = 'after' }: MessagesOptions,
    observer: Observer<ReceivedMessage>,
  ): void {
    const { topic, packet, settle } = message;
    const context = new MqttContext([topic, packet], { filter, decide: settle });
    const take = (): Ending => this.#take(message, context, codec, observer);
    if (ack === 'receipt') settle(ACKNOWLEDGE);
    if (handling.hasSubscribers) void traceHandling(this.#factsOf(message, context, filter), take);
    else take();
    if (ack === 'after') settle(ACKNOWLEDGE); // the first decision counts
  }

  #take(
    { topic, payload, packet, settle }: InboundMessage,
    context: MqttContext,
    codec: Codec,
    observer: Observer<ReceivedMessage>,
  ): Ending {
    let data: unknown;
    try {
      data = codec.decode(payload, packet.properties ?? {});
    } catch (error) {
      const line = `Cannot read the message on ${JSON.stringify(topic)} (${payload.length} bytes): ${describeError(error)}`;
      this.#settings.logger.error(printable(line));
      settle({ kind: 'reject', reasonCode: PAYLOAD_FORMAT_INVALID });
      return { kind: 'undecodable', error };
    }
    observer.next({ data, context });
    return { kind: 'handled' };
  }

  #factsOf(delivery: object, context: MqttContext, filter: TopicFilter): HandleFacts {
    return {
      connection: this.#settings.connection.identity,
      delivery,
      handler: `messages(${JSON.stringify(filter.source)})`,
      kind: 'stream',
      filter: filter.template,
      shareName: filter.shareName,
      replyTo: undefined,
      context,
      waitedMs: 0,
    };
  }
}
