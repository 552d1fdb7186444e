import { Transport, type ClientProviderOptions, type MicroserviceOptions } from '@nestjs/microservices';

const options = { url: process.env.MQTT_URL ?? 'mqtt://localhost:1883' };

/** For `NestFactory.createMicroservice(…)`. */
export function service(): MicroserviceOptions {
  return { transport: Transport.MQTT, options };
}

/** For `ClientsModule.register([…])`. */
export function client(): ClientProviderOptions {
  return { name: 'SHOP', transport: Transport.MQTT, options };
}
