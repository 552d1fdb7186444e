import { channel } from 'node:diagnostics_channel';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';
import type { TypedChannel } from './typed-channel.js';

/** The broker has accepted a connection. */
export interface ConnectEvent {
  readonly connection: ConnectionIdentity;
  /** Whether it is the first one since `listen()` or `connect()`. */
  readonly isFirst: boolean;
  /** Whether the broker still has the session of the one before. */
  readonly sessionPresent: boolean;
}

/** A connection has ended. */
export interface DisconnectEvent {
  readonly connection: ConnectionIdentity;
  /** Why, if it was lost; `undefined` if it was closed here. */
  readonly error: Error | undefined;
}

/** An attempt begins to make a connection again. */
export interface ReconnectEvent {
  readonly connection: ConnectionIdentity;
}

export const connects: TypedChannel<ConnectEvent> = channel(mqttChannels.connect);
export const disconnects: TypedChannel<DisconnectEvent> = channel(mqttChannels.disconnect);
export const reconnects: TypedChannel<ReconnectEvent> = channel(mqttChannels.reconnect);
