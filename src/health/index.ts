export { MqttHealthIndicator } from './mqtt-health-indicator.js';
export type { MqttHealthSource } from './mqtt-health-source.js';
