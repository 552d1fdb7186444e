import type { ServerMqtt } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import { listen } from './listen.js';

/** Nest's calls back when it is connected, and does not wait for its subscriptions: the broker answers them in order. */
export async function listenBuiltIn(strategy: ServerMqtt): Promise<void> {
  await listen(strategy);
  await strategy.unwrap<MqttClient>().subscribeAsync('bench/ready', { qos: 1 });
}
