import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api';
import type {
  ConnectEvent,
  ConnectionIdentity,
  DeadLetterEvent,
  DisconnectEvent,
  DropEvent,
  HandleEvent,
  PublishEvent,
  ReplyEvent,
  RequestEvent,
  RetryEvent,
  SubscriptionEvent,
} from '../index.js';
import { connectionAttributes } from './connection-attributes.js';
import { errorType } from './error-type.js';
import type { Hooks } from './hooks.js';
import { runFailure } from './run-failure.js';

/** As the conventions recommend, in seconds. */
const explicitBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Counts and measures what happens. Names of the conventions where they have one, else `nestjs_mqtt.…`.
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/
 */
export class MqttMetrics {
  readonly #hooks: Hooks;
  readonly #startedAt = new WeakMap<object, number>();
  readonly #sent: Counter;
  readonly #operations: Histogram;
  readonly #consumed: Counter;
  readonly #runs: Histogram;
  readonly #waits: Histogram;
  readonly #retries: Counter;
  readonly #deadLetters: Counter;
  readonly #dropped: Counter;
  readonly #reconnects: Counter;
  readonly #losses: Counter;
  readonly #refusals: Counter;

  constructor(meter: Meter, hooks: Hooks) {
    const count = (name: string, unit: string, description: string): Counter =>
      meter.createCounter(name, { unit: `{${unit}}`, description });
    const measure = (name: string, description: string): Histogram =>
      meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries } });
    this.#hooks = hooks;
    this.#sent = count('messaging.client.sent.messages', 'message', 'Messages sent to the broker');
    this.#operations = measure(
      'messaging.client.operation.duration',
      'Duration of publishing and of requests',
    );
    this.#consumed = count('messaging.client.consumed.messages', 'message', 'Messages given to a handler');
    this.#runs = measure('messaging.process.duration', 'Duration of runs of handlers');
    this.#waits = measure('nestjs_mqtt.handler.wait.duration', 'How long messages waited for their handlers');
    this.#retries = count(
      'nestjs_mqtt.handler.retries',
      'run',
      'Runs of handlers that failed and are repeated',
    );
    this.#deadLetters = count('nestjs_mqtt.dead_letters', 'message', 'Dead letters published');
    this.#dropped = count(
      'nestjs_mqtt.messages.dropped',
      'message',
      'Messages dropped before they were handled',
    );
    this.#reconnects = count('nestjs_mqtt.connection.reconnects', 'connection', 'Connections made again');
    this.#losses = count('nestjs_mqtt.connection.losses', 'connection', 'Connections lost');
    this.#refusals = count('nestjs_mqtt.subscription.refusals', 'subscription', 'Subscriptions refused');
  }

  start(event: PublishEvent | RequestEvent | HandleEvent): void {
    this.#startedAt.set(event, performance.now());
  }

  startRun(event: HandleEvent): void {
    this.start(event);
    if (event.context.attempt === 1) this.#consumed.add(1, processing(event));
    if (event.waitedMs !== undefined) this.#waits.record(event.waitedMs / 1000, processing(event));
  }

  endRun(event: HandleEvent): void {
    const failure = runFailure(event);
    const failed = failure === undefined ? {} : { 'error.type': failure };
    const attributes = { ...processing(event), ...failed, 'nestjs_mqtt.outcome': event.outcome };
    this.#record(this.#runs, event, attributes);
  }

  endEvent(event: PublishEvent): void {
    this.#endSending(event, 'publish');
  }

  endRequest(event: RequestEvent): void {
    this.#endSending(event, 'request');
  }

  noteReply({ connection, error }: ReplyEvent): void {
    this.#sent.add(1, sending(connection, 'reply', undefined, error));
  }

  noteDeadLetter({ connection, filter, error }: DeadLetterEvent): void {
    this.#sent.add(1, sending(connection, 'dead_letter', undefined, error));
    this.#deadLetters.add(1, of(connection, filter, error));
  }

  noteRetry({ connection, filter }: RetryEvent): void {
    this.#retries.add(1, of(connection, filter));
  }

  noteDrop({ connection, filter }: DropEvent): void {
    this.#dropped.add(1, of(connection, filter));
  }

  noteConnect({ connection, isFirst }: ConnectEvent): void {
    if (!isFirst) this.#reconnects.add(1, connectionAttributes(connection));
  }

  noteDisconnect({ connection, error }: DisconnectEvent): void {
    if (error !== undefined) this.#losses.add(1, of(connection, undefined, error));
  }

  noteSubscription({ connection, qos }: SubscriptionEvent): void {
    if (qos === undefined) this.#refusals.add(1, connectionAttributes(connection));
  }

  #endSending(event: PublishEvent | RequestEvent, operation: string): void {
    const { connection, topic, error } = event;
    const attributes = sending(connection, operation, this.#hooks.destinationTemplate(topic), error);
    this.#sent.add(1, attributes);
    this.#record(this.#operations, event, attributes);
  }

  /** Not of what began before there were metrics. */
  #record(histogram: Histogram, event: object, attributes: Attributes): void {
    const startedAt = this.#startedAt.get(event);
    if (startedAt !== undefined) histogram.record((performance.now() - startedAt) / 1000, attributes);
  }
}

function processing({ connection, filter, shareName }: HandleEvent): Attributes {
  return {
    ...of(connection, filter),
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    ...(shareName !== undefined && { 'messaging.consumer.group.name': shareName }),
  };
}

function sending(
  connection: ConnectionIdentity,
  operation: string,
  template: string | undefined,
  error: unknown,
): Attributes {
  return {
    ...of(connection, template, error),
    'messaging.operation.name': operation,
    'messaging.operation.type': 'send',
  };
}

function of(connection: ConnectionIdentity, template: string | undefined, error?: unknown): Attributes {
  return {
    ...connectionAttributes(connection),
    ...(template !== undefined && { 'messaging.destination.template': template }),
    ...(error !== undefined && { 'error.type': errorType(error) }),
  };
}
