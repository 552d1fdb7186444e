import type { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';

/** Turns Nagle's algorithm off, which MQTT.js leaves on. */
export function setNoDelay({ stream }: MqttClient): void {
  (stream as Socket).setNoDelay(true);
}
