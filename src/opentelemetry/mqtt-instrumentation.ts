import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  metrics,
  trace,
  type Meter,
  type MeterProvider,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { mqttChannels } from '../index.js';
import { HandlerSpans } from './handler-spans.js';
import { observeHealth } from './health-gauges.js';
import { createHooks } from './hooks.js';
import { INSTRUMENTATION_SCOPE } from './instrumentation-scope.js';
import { MqttMetrics } from './mqtt-metrics.js';
import type { MqttInstrumentationConfig } from './mqtt-instrumentation-config.js';
import { SenderSpans } from './sender-spans.js';

type Stop = () => void;

/**
 * Traces and measures all servers and clients of the process, from its construction to `disable()`. It is an `Instrumentation` of
 * OpenTelemetry's: for `NodeSDK` and `registerInstrumentations`, or by itself, after the SDK has been started. In which order it and the servers
 * and clients are made does not matter.
 *
 * @example
 * ```ts
 * new NodeSDK({ instrumentations: [new MqttInstrumentation()] }).start();
 * ```
 */
export class MqttInstrumentation {
  readonly instrumentationName = INSTRUMENTATION_SCOPE.name;
  readonly instrumentationVersion = INSTRUMENTATION_SCOPE.version;
  #config: MqttInstrumentationConfig;
  #tracerProvider: TracerProvider | undefined;
  #meterProvider: MeterProvider | undefined;
  #stops: Stop[] = [];

  constructor(config: MqttInstrumentationConfig = {}) {
    this.#config = { enabled: true, ...config };
    this.#tracerProvider = config.tracerProvider;
    this.#meterProvider = config.meterProvider;
    if (this.#config.enabled) this.enable();
  }

  /** Begins, if it has not. */
  enable(): void {
    if (this.#stops.length > 0) return;
    const hooks = createHooks(this.#config);
    this.#stops = [
      ...listenForSpans(new HandlerSpans(this.#tracer, hooks), new SenderSpans(this.#tracer, hooks)),
      ...listenForMetrics(new MqttMetrics(this.#meter, hooks)),
      observeHealth(this.#meter),
    ];
  }

  /** Ends. Spans of what is going on are not ended. */
  disable(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  setTracerProvider(provider: TracerProvider): void {
    this.#tracerProvider = provider;
    this.#restart();
  }

  setMeterProvider(provider: MeterProvider): void {
    this.#meterProvider = provider;
    this.#restart();
  }

  setConfig(config: MqttInstrumentationConfig): void {
    this.#config = { enabled: true, ...config };
    this.#restart();
  }

  getConfig(): MqttInstrumentationConfig {
    return this.#config;
  }

  get #tracer(): Tracer {
    const { name, version } = INSTRUMENTATION_SCOPE;
    return (this.#tracerProvider ?? trace.getTracerProvider()).getTracer(name, version);
  }

  get #meter(): Meter {
    const { name, version } = INSTRUMENTATION_SCOPE;
    return (this.#meterProvider ?? metrics.getMeterProvider()).getMeter(name, version);
  }

  #restart(): void {
    if (this.#stops.length === 0) return;
    this.disable();
    this.enable();
  }
}

function listenForSpans(handlers: HandlerSpans, senders: SenderSpans): Stop[] {
  const { handle, publish, request } = mqttChannels;
  return [
    on(startOf(handle), (event) => handlers.start(event)),
    on(endOf(handle), (event) => handlers.end(event)),
    on(startOf(publish), (event) => senders.startEvent(event)),
    on(endOf(publish), (event) => senders.endEvent(event)),
    on(startOf(request), (event) => senders.startRequest(event)),
    on(endOf(request), (event) => senders.endRequest(event)),
  ];
}

function listenForMetrics(measured: MqttMetrics): Stop[] {
  const { handle, publish, request } = mqttChannels;
  return [
    on(startOf(handle), (event) => measured.startRun(event)),
    on(endOf(handle), (event) => measured.endRun(event)),
    on(startOf(publish), (event) => measured.start(event)),
    on(endOf(publish), (event) => measured.endEvent(event)),
    on(startOf(request), (event) => measured.start(event)),
    on(endOf(request), (event) => measured.endRequest(event)),
    on(mqttChannels.reply, (event) => measured.noteReply(event)),
    on(mqttChannels.retry, (event) => measured.noteRetry(event)),
    on(mqttChannels.deadLetter, (event) => measured.noteDeadLetter(event)),
    on(mqttChannels.drop, (event) => measured.noteDrop(event)),
    on(mqttChannels.connect, (event) => measured.noteConnect(event)),
    on(mqttChannels.disconnect, (event) => measured.noteDisconnect(event)),
    on(mqttChannels.subscription, (event) => measured.noteSubscription(event)),
  ];
}

function startOf(name: string): string {
  return `tracing:${name}:start`;
}

function endOf(name: string): string {
  return `tracing:${name}:asyncEnd`;
}

/** @param listener is given the messages of the channel, whose type it knows */
function on(name: string, listener: (event: never) => void): Stop {
  const listen = (message: unknown): void => listener(message as never);
  subscribe(name, listen);
  return () => void unsubscribe(name, listen);
}
