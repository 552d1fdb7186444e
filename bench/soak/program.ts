// A child process, started with --expose-gc: services and clients that are kept busy, and say what they use when they are at rest.
import 'reflect-metadata';
import { setImmediate } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { countListeners } from './count-listeners.js';
import type { Sample, SoakCommand, SoakReport, SoakSettings } from './protocol.js';
import { SoakPair } from './soak-pair.js';
import { Tally } from './tally.js';

const COLLECTIONS = 4;

const { url } = JSON.parse(process.argv[2]!) as SoakSettings;

Logger.overrideLogger(false); // each connection that is lost is a line
process.once('disconnect', () => process.exit());
const tally = new Tally();
const pairs = [await SoakPair.start(url, 4, tally), await SoakPair.start(url, 5, tally)];
process.on('message', (command: SoakCommand) => void obey(command)); // ends the process if it fails
send({ kind: 'ready' });

async function obey(command: SoakCommand): Promise<void> {
  if (command.kind === 'load') {
    await Promise.all(pairs.map(({ load }) => load.run(command.durationMs)));
    send({ kind: 'loaded' });
  } else {
    for (const pair of pairs) await pair.rest();
    send({ kind: 'sample', sample: await takeSample() });
  }
}

async function takeSample(): Promise<Sample> {
  await collect();
  const { heapUsed, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const count = (kind: string) => resources.filter((resource) => resource === kind).length;
  const listeners = pairs.map((pair) => pair.listeners).reduce((total, number) => total + number);
  return {
    heapUsed,
    rss,
    listeners: listeners + countListeners(process),
    timers: count('Timeout'),
    sockets: count('TCPSocketWrap'),
    done: tally.toJSON(),
  };
}

/** Until nothing more is found. */
async function collect(): Promise<void> {
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    await setImmediate();
    globalThis.gc!();
  }
}

function send(report: SoakReport): void {
  process.send!(report);
}
