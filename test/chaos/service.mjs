// A Nest application whose handler takes 300 ms, with shutdown hooks.
import 'reflect-metadata';
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const { entry, journal, url, protocolVersion } = JSON.parse(process.argv[2]);
const { MqttEventPattern, ServerMqtt } = await import(entry);
const file = openSync(journal, 'a');
const write = (what, message = '') => writeSync(file, `${what} ${message}\n`);

class JobsController {
  async handle(message) {
    write('begin', message);
    await delay(300);
    write('end', message);
  }
}
Controller()(JobsController);
const descriptor = Object.getOwnPropertyDescriptor(JobsController.prototype, 'handle');
MqttEventPattern('jobs/+', { qos: 2 })(JobsController.prototype, 'handle', descriptor);

class AppModule {}
Module({ controllers: [JobsController] })(AppModule);

const strategy = new ServerMqtt({
  url,
  protocolVersion,
  clientId: 'service',
  clean: false,
  ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 600 } }),
});
const app = await NestFactory.createMicroservice(AppModule, { strategy, logger: false });
app.enableShutdownHooks();
await app.listen();
write('ready');
