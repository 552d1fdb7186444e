import type { ConnectionIdentity } from '../../src/diagnostics/connection-identity.js';

/** For what tells where it happened. */
export function connectionIdentity(): ConnectionIdentity {
  return { broker: 'mqtt://localhost:1883', clientId: 'server', protocolVersion: 5 };
}
