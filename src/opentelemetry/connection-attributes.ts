import type { Attributes } from '@opentelemetry/api';
import type { ConnectionIdentity } from '../index.js';

const PORTS: Readonly<Record<string, number>> = {
  mqtt: 1883,
  tcp: 1883,
  mqtts: 8883,
  ssl: 8883,
  tls: 8883,
  ws: 80,
  wss: 443,
};
const known = new WeakMap<ConnectionIdentity, Attributes>();

/**
 * The attributes of everything that happens on a connection; `messaging.system` is the name that conventions before 1.40 have for
 * `messaging.system.name`.
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export function connectionAttributes(connection: ConnectionIdentity): Attributes {
  const attributes = known.get(connection) ?? toAttributes(connection);
  known.set(connection, attributes);
  return attributes;
}

function toAttributes({ broker }: ConnectionIdentity): Attributes {
  const system = { 'messaging.system': 'mqtt', 'messaging.system.name': 'mqtt' };
  return { ...system, ...serverAttributes(broker) };
}

/** Of `mqtt://host:1883`, `host:1883` or `mqtt+unix:///path`. */
function serverAttributes(broker: string): Attributes {
  const [, scheme = 'mqtt', rest = ''] = /^(?:([a-z+]+):\/\/)?(.*)$/.exec(broker) ?? [];
  if (scheme.endsWith('+unix')) return { 'server.address': rest };
  const [, address = '', port] = /^(\[[^\]]*\]|[^/:?#]*)(?::(\d+))?/.exec(rest) ?? [];
  return {
    'server.address': address.replace(/^\[|\]$/g, ''),
    'server.port': port === undefined ? (PORTS[scheme] ?? 1883) : Number(port),
  };
}
