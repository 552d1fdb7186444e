import type { ClientProxy } from '@nestjs/microservices';
import type { QoS } from 'mqtt-packet';
import { lastValueFrom } from 'rxjs';
import type { ServiceSettings } from '../services/service.js';
import { loadProxy } from './load-proxy.js';
import type { PublisherSettings } from './protocol.js';

/** Resolves when the event is written (QoS 0) or acknowledged. */
export type Publish = (topic: string, data: object, qos: QoS) => Promise<unknown>;

const TOKEN = 'client';

/** Loads what the kind needs, and nothing else. */
export async function createPublish(settings: PublisherSettings): Promise<Publish> {
  const { kind, url, protocolVersion } = settings;
  if (kind === 'MQTT.js') {
    const { connectAsync } = await import('mqtt');
    const client = await connectAsync(url, { protocolVersion });
    return (topic, data, qos) => client.publishAsync(topic, JSON.stringify(data), { qos });
  }
  const { Proxy, toRecord } = await loadProxy(kind);
  const proxy =
    kind === 'application' || kind === 'built-in application'
      ? await inject({ ...settings, kind, prefix: 'not/published' }, Proxy)
      : new Proxy({ url, protocolVersion });
  await proxy.connect();
  return (topic, data, qos) => {
    const event = qos === 0 ? data : toRecord(data, qos);
    return lastValueFrom(proxy.emit(topic, event), { defaultValue: undefined });
  };
}

/** What an application gets that has handlers, too. */
async function inject(
  settings: ServiceSettings,
  Proxy: new (options: object) => ClientProxy,
): Promise<ClientProxy> {
  const { ClientsModule } = await import('@nestjs/microservices');
  const { prepareApplication } = await import('../services/prepare-application.js');
  const { url, protocolVersion } = settings;
  const clients = [{ name: TOKEN, customClass: Proxy, options: { url, protocolVersion } }];
  const imports = [ClientsModule.register(clients)];
  const application = await prepareApplication(settings, () => undefined, imports);
  await application.listen();
  return application.get<ClientProxy>(TOKEN);
}
