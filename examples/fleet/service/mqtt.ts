/** The token of the service's client. */
export const MQTT = Symbol('mqtt');
