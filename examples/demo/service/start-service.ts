import type { INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ServerMqtt } from 'nestjs-mqtt';
import type { BrokerAddress } from '../broker.js';
import { LOGGER } from '../logger.js';
import { ServiceModule } from './service.module.js';

/**
 * Starts the service; resolves when the broker has granted its subscriptions.
 * @throws {ConnectionError} if the broker cannot be reached; without `maxConnectionAttempts` it would go on trying
 */
export async function startService({ url, protocolVersion }: BrokerAddress): Promise<INestMicroservice> {
  const service = await NestFactory.createMicroservice(ServiceModule, {
    strategy: new ServerMqtt({
      url,
      protocolVersion,
      qos: 1,
      connectTimeout: 5000,
      maxConnectionAttempts: 1,
    }),
    logger: LOGGER,
  });
  await service.listen();
  return service;
}
