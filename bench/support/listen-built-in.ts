import type { ServerMqtt } from '@nestjs/microservices';
import { listen } from './listen.js';
import { subscribed } from './subscribed.js';

/** Nest's calls back when it is connected. */
export async function listenBuiltIn(strategy: ServerMqtt): Promise<void> {
  await listen(strategy);
  await subscribed(strategy.unwrap());
}
