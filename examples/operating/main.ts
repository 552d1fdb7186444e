import { EventEmitter, once } from 'node:events';
import { ConsoleLogger } from '@nestjs/common';
import { ClientMqtt, MqttRecord } from 'nestjs-mqtt';
import { lastValueFrom } from 'rxjs';
import { createService } from './create-service.js';

const jobs = new EventEmitter();

/** Prints what the jobs say. */
class Printer extends ConsoleLogger {
  override log(message: string, context?: string): void {
    if (context !== 'JobsController') return;
    console.log(message);
    jobs.emit('line');
  }
}

const app = await createService(new Printer());
await app.listen(0, '127.0.0.1');
await probe('ready');
await probe('live');

await app.startAllMicroservices();
await probe('ready');

const began = once(jobs, 'line');
const client = new ClientMqtt({ url: process.env.MQTT_URL, protocolVersion: 5 });
await lastValueFrom(client.emit('jobs/7', new MqttRecord({}, { qos: 1 })));
await client.close();
await began;
console.log('the application is closed');
await app.close(); // as SIGTERM does
console.log('it is closed');

async function probe(name: string): Promise<void> {
  const response = await fetch(`${await app.getUrl()}/health/${name}`);
  const { details } = (await response.json()) as { details: { mqtt: { status: string; message?: string } } };
  console.log(name, response.status, details.mqtt.message ?? details.mqtt.status);
}
