import type { IConnackPacket, MqttClient } from 'mqtt';
import type { MqttConnectionOptions } from './connection-options.js';

/** What the broker said when it accepted the connection. */
export interface Session {
  /** Whether the broker still has the subscriptions of this Client Identifier. */
  readonly present: boolean;
  /** The broker's own choice, if it made one, else the one that was asked for. */
  readonly clientId: string;
  /** Whether a PUBLISH can say which subscriptions it matched (MQTT 5). */
  readonly subscriptionIdentifiers: boolean;
  /** `false` only if the broker says so, which on MQTT 3.1.1 it cannot. */
  readonly sharedSubscriptions: boolean;
}

/** Whether the broker keeps the session when the connection is lost. */
export function isSessionKept({ clean, protocolVersion, properties }: MqttConnectionOptions): boolean {
  return clean === false && (protocolVersion !== 5 || (properties?.sessionExpiryInterval ?? 0) > 0);
}

export function toSession({ options }: MqttClient, { sessionPresent, properties }: IConnackPacket): Session {
  return {
    present: sessionPresent,
    clientId: properties?.assignedClientIdentifier ?? options.clientId ?? '',
    subscriptionIdentifiers:
      options.protocolVersion === 5 && properties?.subscriptionIdentifiersAvailable !== false,
    sharedSubscriptions: properties?.sharedSubscriptionAvailable !== false,
  };
}
