import type { MqttStatus } from './mqtt-status.js';

/** How a connection is. */
export interface ConnectionHealth {
  /** `connected`, `disconnected`, `reconnecting` or `closed`, as `status` emits it. */
  readonly status: MqttStatus;
  /** When the present connection was made; `undefined` if there is none. */
  readonly connectedSince: Date | undefined;
  /** Those of all who use the connection. Ready is who is connected and has all that are wanted. */
  readonly subscriptions: {
    /** How many of those that there are to be the broker has granted in this session. */
    readonly granted: number;
    /** How many there are to be. */
    readonly wanted: number;
  };
  /** Why a connection was last lost or could not be made, or the broker refused a subscription. */
  readonly lastError: Error | undefined;
  /** Whether the connection has ended for good, so that nothing but another `listen()` or `connect()` makes it again. */
  readonly givenUp: boolean;
}
