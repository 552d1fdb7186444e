import { NestFactory } from '@nestjs/core';
import { ClientMqtt, MqttRecord, ServerMqtt } from 'nestjs-mqtt';
import { lastValueFrom } from 'rxjs';
import { AppModule } from './app.module.js';

const url = process.env.MQTT_URL;

// A service, which resolves `listen()` when the broker has granted its subscriptions
const service = await NestFactory.createMicroservice(AppModule, {
  strategy: new ServerMqtt({ url }),
  logger: ['warn', 'error'],
});
await service.listen();

// A client, most often in another process, and there a provider: see ../requests
const client = new ClientMqtt({ url });
for (const kwh of [3, 4]) {
  const record = new MqttRecord({ kwh }, { qos: 1 });
  await lastValueFrom(client.emit('sites/oslo/meters/7/reading', record));
}
const total = await lastValueFrom(client.send<number>('sites/oslo/total', {}));
console.log(`total of oslo: ${total} kWh`);

await client.close();
await service.close();
