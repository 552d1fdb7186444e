import type { MqttClient } from 'mqtt';
import type { Sum } from './protocol.js';

/** Asks for the sum of some numbers. */
export interface Requester {
  /** Resolves with the reply. */
  request(topic: string): Promise<Sum>;
  /** Makes requests that nobody answers; the result gives all of them up. */
  leavePending(topic: string, requests: number): () => void;
  /** Fails what is pending and starts anew, for one that loses requests. */
  readonly recover: (() => Promise<void>) | undefined;
  /** MQTT.js's client, if it has one. */
  readonly client: MqttClient | undefined;
}
