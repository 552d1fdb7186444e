/**
 * Tests of a service on a broker in their own process. Needs the packages `aedes` and `@nestjs/testing`.
 * @module nestjs-mqtt/testing
 */
export {
  createMqttTestingApp,
  type MqttTestingApp,
  type MqttTestingContext,
  type MqttTestingAppOptions,
} from './create-mqtt-testing-app.js';
export { MqttTestBroker, type MqttTestBrokerOptions } from './mqtt-test-broker.js';
export type { PublishedMessage } from './published-message.js';
export type { WaitOptions } from './inbox.js';
