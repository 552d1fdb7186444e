/** The states of a connection, as in Nest's MQTT transporter: what `status` emits. */
export const MqttStatus = {
  DISCONNECTED: 'disconnected',
  RECONNECTING: 'reconnecting',
  CONNECTED: 'connected',
  CLOSED: 'closed',
} as const;

export type MqttStatus = (typeof MqttStatus)[keyof typeof MqttStatus];
