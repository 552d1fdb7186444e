import type { ServerMqtt as BuiltInServerMqtt } from '@nestjs/microservices';
import type { ServerMqtt } from 'nestjs-mqtt';
import type { ServiceSettings } from './service.js';

/** The strategy of a kind, and what subscribing to one level, whatever it is, is called there. */
export type ServerOfKind =
  | { readonly of: 'nestjs-mqtt'; readonly server: ServerMqtt; readonly level: '{device}' }
  | { readonly of: 'Nest'; readonly server: BuiltInServerMqtt; readonly level: '+' };

export async function createServer({
  kind,
  url,
  protocolVersion,
}: Pick<ServiceSettings, 'kind' | 'protocolVersion' | 'url'>): Promise<ServerOfKind> {
  if (kind.startsWith('built-in')) {
    const { ServerMqtt } = await import('@nestjs/microservices');
    const server = new ServerMqtt({ url, protocolVersion, subscribeOptions: { qos: 2 } });
    return { of: 'Nest', server, level: '+' };
  }
  const { ServerMqtt } = await import('nestjs-mqtt');
  return { of: 'nestjs-mqtt', server: new ServerMqtt({ url, protocolVersion, qos: 2 }), level: '{device}' };
}
