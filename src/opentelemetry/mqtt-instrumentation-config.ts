import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import type { MqttContext } from '../index.js';

/** How {@link MqttInstrumentation} traces and measures. */
export interface MqttInstrumentationConfig {
  /** Whether it begins at construction. Default `true`. */
  readonly enabled?: boolean;
  /** Default: that of `registerInstrumentations` or `NodeSDK`, else the global one. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Default: that of `registerInstrumentations` or `NodeSDK`, else the global one at construction. */
  readonly meterProvider?: MeterProvider | undefined;
  /**
   * Of which few kinds a Topic Name is that is published to, such as `sites/{site}/reading`: for the names of spans and the attributes of metrics,
   * which must not be as many as there are devices. Default: `undefined`, and they go without. Handlers have their Topic Filters.
   */
  readonly destinationTemplate?: ((topic: string) => string | undefined) | undefined;
  /**
   * Whether an event begins a trace of its own, with a link to that of its publisher, rather than going on with it. Default: one that the broker had
   * kept (RETAIN), whose trace may be old.
   */
  readonly startsTrace?: ((context: MqttContext) => boolean) | undefined;
}
