import type { MqttContext } from '../index.js';
import type { MqttInstrumentationConfig } from './mqtt-instrumentation-config.js';
import { safely } from './safely.js';

/** The functions of the configuration, whose failures are no reason to fail for anybody else. */
export interface Hooks {
  destinationTemplate(topic: string): string | undefined;
  startsTrace(context: MqttContext): boolean;
}

export function createHooks({ destinationTemplate, startsTrace }: MqttInstrumentationConfig): Hooks {
  return {
    destinationTemplate: (topic) => safely('destinationTemplate', () => destinationTemplate?.(topic)),
    startsTrace: (context) => safely('startsTrace', () => startsTrace?.(context)) ?? context.retain,
  };
}
