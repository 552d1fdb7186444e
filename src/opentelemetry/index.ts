export { MqttInstrumentation } from './mqtt-instrumentation.js';
export type { MqttInstrumentationConfig } from './mqtt-instrumentation-config.js';
