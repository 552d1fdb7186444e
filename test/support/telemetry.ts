import { context, propagation, type Attributes } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type DataPoint,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { until } from './until.js';

const HOUR_MS = 3_600_000;

/** OpenTelemetry's SDK, which keeps what it is given; with the global context and propagation of the process to the end of the fixture. */
export class Telemetry implements AsyncDisposable {
  readonly #exporter = new InMemorySpanExporter();
  readonly #reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: HOUR_MS,
  });
  readonly tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#exporter)],
  });
  readonly meterProvider = new MeterProvider({ readers: [this.#reader] });

  constructor() {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
    propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
  }

  /** Those that have ended, in this order. */
  get spans(): readonly ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** Resolves with all spans when there are so many. */
  async ended(count: number): Promise<readonly ReadableSpan[]> {
    await until(() => this.spans.length >= count, {
      message: () => `${count} spans; there are: ${this.spans.map(({ name }) => name).join(', ')}`,
    });
    return this.spans;
  }

  /** The points of a metric, with their attributes. */
  async points(name: string): Promise<{ readonly value: unknown; readonly attributes: Attributes }[]> {
    const { resourceMetrics } = await this.#reader.collect();
    const found = resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .filter(({ descriptor }) => descriptor.name === name);
    return found.flatMap(({ dataPoints }) => dataPoints as DataPoint<unknown>[]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    context.disable();
    propagation.disable();
    await this.tracerProvider.shutdown();
    await this.meterProvider.shutdown();
  }
}
