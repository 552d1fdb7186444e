import type { MqttClient } from 'mqtt';

/** MQTT.js alone; a strategy with functions as its handlers; or a whole Nest application, with controllers. */
export type ServiceKind =
  'MQTT.js' | 'strategy' | 'application' | 'built-in strategy' | 'built-in application';

export interface ServiceSettings {
  readonly kind: ServiceKind;
  readonly url: string;
  readonly protocolVersion: 4 | 5;
  /** The first two levels of the topics of the one handler that messages come for: `<prefix>/<device>/reading`. */
  readonly prefix: string;
  /** How many handlers there are beside it, with a wildcard each, half of them before it. */
  readonly otherHandlers: number;
}

/** Called for each message. The device is undefined where only the payload is read. */
export type Handle = (data: unknown, device?: string) => void;

/** Receives events with QoS 2 at most. */
export interface Service {
  /** Resolves when the broker has granted every subscription. */
  listen(): Promise<void>;
  /** MQTT.js's client, once it listens. */
  readonly client: MqttClient;
}
