// A child process, started with --expose-gc: weighs requests that wait for an answer.
import { Logger } from '@nestjs/common';
import type { MqttClient } from 'mqtt';
import { heapUsed } from '../support/heap-used.js';
import { median } from '../support/median.js';
import { connectRequester } from './connect-requester.js';
import type { PendingReport, PendingSettings } from './protocol.js';

const CYCLES = 3;
const WARM_UP_CYCLES = 1;
const TOPIC = 'bench/unanswered';

const { kind, url, requests } = JSON.parse(process.argv[2]!) as PendingSettings;

Logger.overrideLogger(['warn', 'error', 'fatal']);
process.once('disconnect', () => process.exit());
const requester = await connectRequester(kind, url);
process.send!(await weigh());

async function weigh(): Promise<PendingReport> {
  const cycles: PendingReport[] = [];
  for (let cycle = -WARM_UP_CYCLES; cycle < CYCLES; cycle++) {
    const report = await weighOnce();
    if (cycle >= 0) cycles.push(report);
  }
  return {
    pending: median(cycles.map(({ pending }) => pending)),
    left: median(cycles.map(({ left }) => left)),
  };
}

async function weighOnce(): Promise<PendingReport> {
  const before = await heapUsed();
  const giveUp = await leavePending();
  const pending = await heapUsed();
  giveUp();
  await answered();
  const after = await heapUsed();
  return { pending: pending - before, left: after - before };
}

/** Resolves when all requests are at the broker. */
async function leavePending(): Promise<() => void> {
  const sent = requester.client && publishes(requester.client, requests);
  const giveUp = requester.leavePending(TOPIC, requests);
  await sent;
  await answered();
  return giveUp;
}

function publishes(client: MqttClient, expected: number): Promise<void> {
  let count = 0;
  return new Promise((resolve) => {
    client.on('packetsend', function onPacket({ cmd }) {
      if (cmd === 'publish') count++;
      if (count < expected) return;
      client.off('packetsend', onPacket);
      resolve();
    });
  });
}

/** The broker has read what was written before this. */
async function answered(): Promise<void> {
  await requester.client?.publishAsync('bench/answered', '', { qos: 1 });
}
