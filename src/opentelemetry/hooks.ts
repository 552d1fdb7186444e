import { diag } from '@opentelemetry/api';
import type { MqttContext } from '../index.js';
import type { MqttInstrumentationConfig } from './mqtt-instrumentation-config.js';

/** The functions of the configuration, whose failures are no reason to fail for anybody else. */
export interface Hooks {
  destinationTemplate(topic: string): string | undefined;
  startsTrace(context: MqttContext): boolean;
}

export function createHooks({ destinationTemplate, startsTrace }: MqttInstrumentationConfig): Hooks {
  return {
    destinationTemplate: (topic) => safely(() => destinationTemplate?.(topic)),
    startsTrace: (context) => safely(() => startsTrace?.(context)) ?? context.retain,
  };
}

function safely<T>(hook: () => T): T | undefined {
  try {
    return hook();
  } catch (error) {
    diag.error('nestjs-mqtt: a function of the configuration failed', error);
    return undefined;
  }
}
