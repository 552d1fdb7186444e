import type { INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientMqtt, MqttRecord, ServerMqtt } from 'nestjs-mqtt';
import { firstValueFrom, lastValueFrom, Subject, take, toArray } from 'rxjs';
import { WorkerModule, type Handled } from './worker.module.js';

const url = process.env.MQTT_URL;
const handled = new Subject<Handled>();
const client = new ClientMqtt({ url, protocolVersion: 5 });

/** In production a process of its own: the same code, several times. */
async function startWorker(name: string): Promise<INestMicroservice> {
  const worker = await NestFactory.createMicroservice(WorkerModule.register(name, handled), {
    strategy: new ServerMqtt({ url, protocolVersion: 5 }),
    logger: ['warn', 'error'],
  });
  await worker.listen();
  return worker;
}

async function publishJobs(first: number, last: number): Promise<void> {
  const jobs = Array.from({ length: last - first + 1 }, (_, index) => `${first + index}`);
  const done = firstValueFrom(handled.pipe(take(jobs.length), toArray()));
  for (const job of jobs) await lastValueFrom(client.emit(`jobs/${job}`, new MqttRecord({}, { qos: 1 })));
  const results = await done;
  const different = new Set(results.map(({ job }) => job));
  const workers = [...new Set(results.map(({ worker }) => worker))].toSorted();
  console.log(`${different.size} jobs were handled ${results.length} times, by ${workers.join(', ')}`);
}

const [one, two, three] = [await startWorker('one'), await startWorker('two'), await startWorker('three')];
await publishJobs(1, 30);

console.log('worker two closes: what it was given it still handles');
await two.close();
await publishJobs(31, 60);

await client.close();
await Promise.all([one.close(), three.close()]);
