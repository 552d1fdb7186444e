import type { ClientProviderOptions, CustomStrategy } from '@nestjs/microservices';
import { ClientMqtt, ServerMqtt, type ClientMqttOptions } from 'nestjs-mqtt';

const options = { url: process.env.MQTT_URL ?? 'mqtt://localhost:1883' };

/** For `NestFactory.createMicroservice(…)`. */
export function service(): CustomStrategy {
  return { strategy: new ServerMqtt(options) };
}

/** For `ClientsModule.register([…])`. */
export function client(): ClientProviderOptions {
  return { name: 'SHOP', customClass: ClientMqtt, options };
}

/** As long as the service has not moved. */
export function clientOfServiceBefore(): ClientProviderOptions {
  const nest = { ...options, wireFormat: 'nest' } satisfies ClientMqttOptions;
  return { name: 'SHOP', customClass: ClientMqtt, options: nest };
}
