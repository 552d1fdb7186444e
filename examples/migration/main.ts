import { Module, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule, type ClientProviderOptions, type MicroserviceOptions } from '@nestjs/microservices';
import * as after from './after.js';
import * as before from './before.js';
import { Customer } from './customer.js';
import { ShopController } from './shop.controller.js';

@Module({ controllers: [ShopController] })
class ShopModule {}

@Module({})
class CustomerModule {}

async function trade(
  serviceOptions: MicroserviceOptions,
  clientOptions: ClientProviderOptions,
): Promise<void> {
  const logger: LogLevel[] = ['warn', 'error'];
  const service = await NestFactory.createMicroservice(ShopModule, {
    ...serviceOptions,
    logger,
  });
  await service.listen();
  const imports = [ClientsModule.register([clientOptions])];
  const customer = { module: CustomerModule, imports, providers: [Customer] };
  const app = await NestFactory.createApplicationContext(customer, { logger });
  await app.get(Customer).buy('apple', 3);
  await app.close();
  await service.close();
}

console.log('before:');
await trade(before.service(), before.client());
console.log('the service has moved, its clients have not:');
await trade(after.service(), before.client());
console.log('a client has moved, the service has not:');
await trade(before.service(), after.clientOfServiceBefore());
console.log('after:');
await trade(after.service(), after.client());
