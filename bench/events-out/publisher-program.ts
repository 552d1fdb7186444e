// A child process: publishes events, and says what time and CPU time that took.
import { setImmediate } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { readingOf, topicOf } from '../support/reading.js';
import { createPublish } from './create-publish.js';
import type { BurstRequest, PublisherReport, PublisherSettings } from './protocol.js';

const settings = JSON.parse(process.argv[2]!) as PublisherSettings;

let published = 0;

Logger.overrideLogger(['warn', 'error', 'fatal']);
process.once('disconnect', () => process.exit());
const publish = await createPublish(settings);
process.on('message', (request: BurstRequest) => void publishBurst(request)); // one that rejects ends the process
send({ kind: 'ready' });

async function publishBurst({ burst, qos }: BurstRequest): Promise<void> {
  const start = performance.now();
  const writing = process.cpuUsage();
  const settled = Promise.all(
    Array.from({ length: burst }, () => {
      const reading = readingOf(published++);
      return publish(topicOf(settings.prefix, reading), reading, qos);
    }),
  );
  await setImmediate();
  const written = toMicroseconds(process.cpuUsage(writing));
  send({ kind: 'written' });
  const settling = process.cpuUsage();
  await settled;
  await setImmediate(); // what is left to be written counts too
  const cpuMicroseconds = written + toMicroseconds(process.cpuUsage(settling));
  send({ kind: 'done', cpuMicroseconds, microseconds: (performance.now() - start) * 1000 });
}

function toMicroseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

function send(report: PublisherReport): void {
  process.send!(report);
}
