import 'reflect-metadata';
import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ClientsModule } from '@nestjs/microservices';
import { ClientMqtt, mqttChannels, type ClientMqttOptions } from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { onMessage } from '../support/channel-messages.js';
import { captureLogs } from '../support/capture-logs.js';
import { startApp } from '../support/start-app.js';

it('a global module shuts down after the clients of all others are closed, as docs/opentelemetry.md relies upon', async () => {
  using _logs = captureLogs();
  await using broker = await startAedes({ version: 5 });
  const order: string[] = [];
  class Telemetry implements OnApplicationShutdown {
    onApplicationShutdown(): void {
      order.push('telemetry');
    }
  }
  @Global()
  @Module({ providers: [Telemetry] })
  class TelemetryModule {}
  const options = { url: broker.url, clientId: 'client' } satisfies ClientMqttOptions;
  @Module({ imports: [ClientsModule.register([{ name: 'CLIENT', customClass: ClientMqtt, options }])] })
  class NestedModule {}
  @Module({ imports: [NestedModule] })
  class FeatureModule {}
  using _ended = onMessage(`tracing:${mqttChannels.request}:asyncEnd`, () => order.push('request'));
  using _closed = onMessage(mqttChannels.disconnect, () => order.push('disconnect'));
  {
    await using app = await startApp({
      imports: [FeatureModule, TelemetryModule],
      server: { url: broker.url, clientId: 'server' },
    });
    const client = app.get<ClientMqtt>('CLIENT');
    await client.connect();
    client.send('nobody', 1).subscribe({ error: () => undefined });
  }
  expect(order).toEqual(['disconnect', 'request', 'disconnect', 'telemetry']);
});
