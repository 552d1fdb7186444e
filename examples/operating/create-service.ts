import 'reflect-metadata';
import type { INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ServerMqtt } from 'nestjs-mqtt';
import { ServiceModule } from './service.module.js';

const SESSION_EXPIRY_SECONDS = 3600;

/** An application with HTTP for the probes and a server that they can look at. */
export async function createService(logger?: LoggerService): Promise<INestApplication> {
  const { MQTT_URL: url, MQTT_CLIENT_ID: clientId } = process.env;
  const kept = { clientId, clean: false, properties: { sessionExpiryInterval: SESSION_EXPIRY_SECONDS } };
  const service = ServiceModule.register({
    url,
    protocolVersion: 5,
    drainTimeoutMs: 15_000,
    ...(clientId !== undefined && kept), // a name that stays: the broker keeps what comes meanwhile
  });
  const app = await NestFactory.create(service, logger && { logger });
  app.connectMicroservice({ strategy: app.get(ServerMqtt) });
  return app;
}
