import {
  context,
  propagation,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import type { ConnectionIdentity, PublishEvent, RequestEvent } from '../index.js';
import { connectionAttributes } from './connection-attributes.js';
import { errorType } from './error-type.js';
import { failSpan } from './fail-span.js';
import type { Hooks } from './hooks.js';
import { safely } from './safely.js';

type SenderEvent = PublishEvent | RequestEvent;

/** A span for each event and request that a client sends, whose context goes with it. */
export class SenderSpans {
  readonly #tracer: Tracer;
  readonly #hooks: Hooks;
  readonly #spans = new WeakMap<SenderEvent, Span>();

  constructor(tracer: Tracer, hooks: Hooks) {
    this.#tracer = tracer;
    this.#hooks = hooks;
  }

  startEvent(event: PublishEvent): void {
    const attributes = { 'messaging.mqtt.message.retained': event.retain };
    this.#start(event, 'publish', SpanKind.PRODUCER, attributes);
  }

  startRequest(event: RequestEvent): void {
    const attributes = { 'messaging.message.conversation_id': event.id };
    this.#start(event, 'request', SpanKind.CLIENT, attributes);
  }

  endEvent(event: PublishEvent): void {
    this.#end(event);
  }

  endRequest(event: RequestEvent): void {
    const { connection, outcome = '', replies } = event;
    this.#spans.get(event)?.setAttributes({
      ...clientAttributes(connection), // which it may have had to wait for
      'nestjs_mqtt.outcome': outcome,
      'nestjs_mqtt.replies': replies,
    });
    this.#end(event);
  }

  #start(event: SenderEvent, operation: string, kind: SpanKind, more: Attributes): void {
    const template = this.#hooks.destinationTemplate(event.topic);
    const name = template === undefined ? operation : `${operation} ${template}`;
    const attributes = { ...attributesOf(event, operation, template), ...more };
    const active = context.active();
    const span = this.#tracer.startSpan(name, { kind, attributes }, active);
    this.#spans.set(event, span);
    safely('the propagator', () => inject(trace.setSpan(active, span), event.metadata));
  }

  #end(event: SenderEvent): void {
    const span = this.#spans.get(event);
    if (span === undefined) return;
    if (event.error !== undefined) failSpan(span, errorType(event.error), event.error);
    span.end();
  }
}

function inject(active: Context, metadata: SenderEvent['metadata']): void {
  const hasContext = propagation.fields().some((field) => field in metadata); // somebody's own, such as a dispatch hook's
  if (!hasContext) propagation.inject(active, metadata);
}

function attributesOf(
  { connection, topic, qos }: SenderEvent,
  operation: string,
  template: string | undefined,
): Attributes {
  return {
    ...clientAttributes(connection),
    'messaging.operation.name': operation,
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.destination.template': template,
    'messaging.mqtt.message.qos': qos,
  };
}

function clientAttributes(connection: ConnectionIdentity): Attributes {
  const { clientId } = connection;
  return { ...connectionAttributes(connection), ...(clientId !== '' && { 'messaging.client.id': clientId }) };
}
