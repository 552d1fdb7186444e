import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import type { HandleEvent } from '../index.js';
import { connectionAttributes } from './connection-attributes.js';
import { failSpan } from './fail-span.js';
import type { Hooks } from './hooks.js';
import { runFailure } from './run-failure.js';
import { safely } from './safely.js';

/** A span for each run of a handler, which runs inside of it. */
export class HandlerSpans {
  readonly #tracer: Tracer;
  readonly #hooks: Hooks;
  readonly #spans = new WeakMap<HandleEvent, Span>();
  /** The last run of each delivery that has failed. */
  readonly #failures = new WeakMap<object, SpanContext>();

  constructor(tracer: Tracer, hooks: Hooks) {
    this.#tracer = tracer;
    this.#hooks = hooks;
  }

  start(event: HandleEvent): void {
    const origin = contextOf(event);
    const creation = trace.getSpanContext(origin);
    const parent = this.#isRoot(event) ? trace.deleteSpan(origin) : origin;
    const links = [
      ...linkTo(event.replyTo === undefined ? creation : undefined),
      ...this.#linkToFailure(event),
    ];
    const kind = event.replyTo === undefined ? SpanKind.CONSUMER : SpanKind.SERVER;
    const options = { kind, attributes: attributesOf(event), links };
    const span = this.#tracer.startSpan(`process ${event.filter}`, options, parent);
    this.#spans.set(event, span);
    enter(event, trace.setSpan(parent, span));
  }

  end(event: HandleEvent): void {
    const span = this.#spans.get(event);
    if (span === undefined) return;
    const { outcome = '', error, delivery } = event;
    span.setAttribute('nestjs_mqtt.outcome', outcome);
    const failure = runFailure(event);
    if (failure !== undefined) failSpan(span, failure, error);
    if (outcome === 'failed') this.#failures.set(delivery, span.spanContext());
    span.end();
  }

  #isRoot({ context: message, replyTo }: HandleEvent): boolean {
    return replyTo === undefined && this.#hooks.startsTrace(message);
  }

  #linkToFailure({ delivery }: HandleEvent): Link[] {
    return linkTo(this.#failures.get(delivery), { 'nestjs_mqtt.link': 'retry' });
  }
}

/** A propagator may stumble over what a peer sends. */
function contextOf({ context: message }: HandleEvent): Context {
  const extract = (): Context => propagation.extract(ROOT_CONTEXT, message.getMetadata());
  return safely('the propagator', extract) ?? ROOT_CONTEXT;
}

function enter({ runIn }: HandleEvent, active: Context): void {
  runIn((next) => context.with(active, next));
}

function linkTo(target: SpanContext | undefined, attributes: Attributes = {}): Link[] {
  return target === undefined ? [] : [{ context: target, attributes }];
}

function attributesOf({ connection, context: message, ...event }: HandleEvent): Attributes {
  return {
    ...connectionAttributes(connection),
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': message.topic,
    'messaging.destination.template': event.filter,
    'messaging.consumer.group.name': event.shareName,
    'messaging.client.id': connection.clientId,
    'messaging.message.conversation_id': event.replyTo?.id,
    'messaging.message.body.size': message.packet.payload.length,
    'messaging.mqtt.message.qos': message.qos,
    'messaging.mqtt.message.retained': message.retain,
    'nestjs_mqtt.handler': event.handler,
    'nestjs_mqtt.attempt': message.attempt,
    'nestjs_mqtt.waited_ms': event.waitedMs,
  };
}
