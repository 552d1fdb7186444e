export { MqttHealthIndicator } from './mqtt-health-indicator.js';
export type { MqttHealthSource, SourceHealth } from './mqtt-health-source.js';
