import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule } from '@nestjs/microservices';
import { connectAsync } from 'mqtt';
import { ClientMqtt, ServerMqtt } from 'nestjs-mqtt';
import { lastValueFrom } from 'rxjs';
import { CLOUD, MachinesController, PLANT } from './machines.controller.js';

const plantUrl = process.env.MQTT_URL ?? 'mqtt://localhost:1883';
const cloudUrl = process.env.CLOUD_URL ?? plantUrl;

@Module({
  imports: [ClientsModule.register([{ name: CLOUD, customClass: ClientMqtt, options: { url: cloudUrl } }])],
  controllers: [MachinesController],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
app.connectMicroservice({ strategy: new ServerMqtt({ url: plantUrl, transportId: PLANT }) });
app.connectMicroservice({ strategy: new ServerMqtt({ url: cloudUrl, transportId: CLOUD }) });
await app.startAllMicroservices();
await app.listen(0, '127.0.0.1');

// A machine at the plant's broker, and somebody who listens at the cloud's
const machine = await connectAsync(plantUrl);
const office = await connectAsync(cloudUrl);
await office.subscribeAsync('fleet/#');
const arrived = new Promise<string>((resolve) => {
  office.once('message', (topic, payload) => resolve(`${topic} ${payload.toString()}`));
});
await machine.publishAsync('machines/press/state', '{"running":true}', { qos: 1 });
console.log('cloud:', await arrived);

const response = await fetch(`${await app.getUrl()}/machines/press`);
console.log('GET /machines/press:', await response.text());

const client = new ClientMqtt({ url: cloudUrl });
console.log('cloud asks:', await lastValueFrom(client.send('fleet/oslo/machines', {})));

await Promise.all([client.close(), machine.endAsync(), office.endAsync()]);
await app.close();
