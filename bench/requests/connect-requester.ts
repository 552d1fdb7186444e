import type { PendingKind } from './protocol.js';
import type { Requester } from './requester.js';

/** Loads what the kind needs, and nothing else. */
export async function connectRequester(kind: PendingKind, url: string): Promise<Requester> {
  if (kind === 'bare') {
    const { BareRequester } = await import('./bare-requester.js');
    return BareRequester.connect(url);
  }
  const { ProxyRequester } = await import('./proxy-requester.js');
  const losesRequests = kind === 'built-in'; // a burst, if the last reply before it ends its subscription
  return ProxyRequester.connect(await createProxy(kind, url), { losesRequests });
}

async function createProxy(kind: Exclude<PendingKind, 'bare'>, url: string) {
  const options = { url, protocolVersion: 5 } as const;
  if (kind === 'ours') {
    const { ClientMqtt } = await import('nestjs-mqtt');
    return new ClientMqtt(options);
  }
  if (kind === 'built-in') {
    const { ClientMqtt } = await import('@nestjs/microservices');
    return new ClientMqtt(options);
  }
  const { IdleProxy } = await import('./idle-proxy.js');
  return new IdleProxy();
}
