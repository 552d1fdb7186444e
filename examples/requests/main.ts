import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ServerMqtt } from 'nestjs-mqtt';
import { House, HouseModule } from './house.js';
import { connectLamp } from './lamp.js';
import { LiftsController } from './lifts.controller.js';

const url = process.env.MQTT_URL ?? 'mqtt://localhost:1883';

@Module({ controllers: [LiftsController] })
class LiftsModule {}

const service = await NestFactory.createMicroservice(LiftsModule, {
  strategy: new ServerMqtt({ url, protocolVersion: 5 }),
  logger: ['warn', 'error'],
});
await service.listen();
const lamp = await connectLamp(url, 'porch');

const app = await NestFactory.createApplicationContext(HouseModule, { logger: ['warn', 'error'] });
const house = app.get(House);
await house.ride('left', 3);
console.log(`lift left is on floor ${await house.floor('left')}`);
await house.ride('left', 9);
console.log(await house.light('porch', 'on'));

await app.close();
await lamp.endAsync();
await service.close();
