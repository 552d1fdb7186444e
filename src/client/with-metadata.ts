import type { OutboundCall } from './request-dialect.js';

/** The call with what goes with it; nothing goes with it that nobody has put there. */
export function withMetadata(call: OutboundCall, metadata: Readonly<Record<string, string>>): OutboundCall {
  if (Object.keys(metadata).length === 0) return call;
  return { ...call, metadata, packet: { ...call.packet, metadata } };
}
