import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ServerMqtt } from 'nestjs-mqtt';
import { LOGGER } from '../demo/logger.js';
import { FleetBroker } from './broker/fleet-broker.js';
import { FleetModule } from './fleet.module.js';
import { servePage } from './serve-page.js';
import { DeadLetters } from './service/dead-letters.js';
import { Flow } from './service/flow.js';
import { Fleet } from './simulation/fleet.js';

export interface FleetOptions {
  /** Where the page is served. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** How long to run; until Ctrl-C or SIGTERM by default. */
  readonly seconds?: number | undefined;
}

/** How many QoS 0 messages may wait to be handled: few, so that a storm drops some. */
const MAX_QUEUED = 100;
/** How often to see whether npm's shell is still there. */
const PARENT_MS = 500;
/** What a timer of Node's can wait: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Runs the broker, the service with its page, and the devices. */
export async function runFleet({ host, port, seconds }: FleetOptions): Promise<void> {
  const broker = await FleetBroker.start();
  const app = await createApp(broker);
  await app.startAllMicroservices();
  await app.listen(port, host);
  broker.acceptWebSockets(app.getHttpServer());
  const fleet = app.get(Fleet);
  fleet.start();
  console.log(`The fleet is on ${await app.getUrl()}${seconds === undefined ? ' (Ctrl-C ends it)' : ''}`);
  await ended(seconds);
  printSummary(app, broker);
  await fleet.stop();
  broker.refuseWebSockets();
  await app.close();
  await broker.close();
}

/** A hybrid application: HTTP, and MQTT beside it. */
async function createApp(broker: FleetBroker): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(FleetModule.register(broker), {
    logger: LOGGER,
  });
  servePage(app);
  app.connectMicroservice({
    strategy: new ServerMqtt({
      url: broker.url,
      protocolVersion: 5,
      clientId: 'service',
      maxQueued: MAX_QUEUED,
      presence: { topic: 'service/presence' },
    }),
  });
  return app;
}

/** After so many seconds, or at a signal; a second one does not wait for anything. */
async function ended(seconds = Infinity): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
  if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => stop.abort());
  const milliseconds = Math.min(seconds * 1000, MAX_TIMER_MS);
  await setTimeout(milliseconds, undefined, { signal: stop.signal }).catch(() => undefined);
}

/** npm passes SIGTERM on to its shell, which ends and passes it on to nobody. */
function whenOrphaned(stop: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), PARENT_MS).unref();
}

function printSummary(app: NestExpressApplication, { publishedCount }: FleetBroker): void {
  const { handled, retried, lost } = app.get(Flow).snapshot();
  const letters = app.get(DeadLetters).count;
  console.log(
    `Published: ${publishedCount}, handled: ${handled}, run again: ${retried}, dead letters: ${letters}, lost: ${lost}`,
  );
  if (handled === 0) throw new Error('No message has been handled');
}
