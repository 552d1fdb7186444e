import type { ConnectionHealth } from '../connection/connection-health.js';

/** How a client and its connection are. */
export interface ClientHealth extends ConnectionHealth {
  /** How many requests wait for a reply. */
  readonly pendingRequests: number;
}
