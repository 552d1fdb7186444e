import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectAsync } from 'mqtt';
import { ServerMqtt } from 'nestjs-mqtt';
import { firstValueFrom } from 'rxjs';
import { DevicesController } from './devices.controller.js';

const url = process.env.MQTT_URL ?? 'mqtt://localhost:1883';

@Module({ controllers: [DevicesController] })
class AppModule {}

// A device: it knows nothing of Nest
const device = await connectAsync(url, {
  will: { topic: 'plants/north/status', payload: Buffer.from('offline'), qos: 1, retain: true },
  reconnectPeriod: 0,
});
await device.publishAsync('plants/north/status', 'online', { qos: 1, retain: true });

// The service starts later, and learns the status all the same
const service = await NestFactory.createMicroservice(AppModule, {
  strategy: new ServerMqtt({ url, qos: 1 }),
  logger: ['warn', 'error'],
});
const offline = firstValueFrom(service.get(DevicesController).offline);
await service.listen();

await device.publishAsync('plants/north/valves/3/flow', '{"litres":12}', { qos: 1 });
await device.publishAsync('plants/north/display', '42', { qos: 1 });
await device.publishAsync('plants/north/thermometers/roof/east', Buffer.from('0929', 'hex'), { qos: 1 });
device.stream.destroy(); // it vanishes without a DISCONNECT

await offline;
await service.close();
