import type { ConnectionHealth } from '../connection/connection-health.js';

/** How a server and its connection are. */
export interface ServerHealth extends ConnectionHealth {
  /** Whether it takes messages: from `listen()`, through lost connections, to `close()`. A connection that is shared may be there without that. */
  readonly listening: boolean;
  /** How many runs of handlers are going on. */
  readonly running: number;
  /** How many wait for a place to run, or for others of the same topic. */
  readonly waiting: number;
  /** How many QoS 0 messages were dropped because too many waited, since `listen()`. */
  readonly dropped: number;
  /** How many requests expired before they were answered, since `listen()`. */
  readonly expired: number;
}
