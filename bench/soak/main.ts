// npm run soak -- [--minutes 10] [--plot docs/soak.svg]: services and clients that are busy, and lose their connections every few
// seconds. Fails if they use more and more memory, listeners, timers or sockets.
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startMosquitto, type Mosquitto } from '../../test/support/mosquitto.js';
import { startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.js';
import { judge } from './judge.js';
import { plotSoak } from './plot-soak.js';
import type { SoakReport, SoakSettings, TimedSample } from './protocol.js';
import { SoakDevice } from './soak-device.js';
import { BenchProcess } from '../support/bench-process.js';

const LOAD_MS = 2_500;
/** In each so many rounds the broker is restarted, in the others connections are cut. */
const RESTART_EVERY = 10;
const PRINT_EVERY = 10;
const MINUTE_MS = 60_000;
/** Optimised code is in the heap, and V8 makes more of it for as long as it finds something to gain: without, what grows is objects. */
const FLAGS = ['--expose-gc', '--no-opt'];

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    minutes: { type: 'string', default: '10' },
    plot: { type: 'string', default: 'docs/soak.svg' },
  },
});
await run(Number(values.minutes), values.plot);

async function run(minutes: number, plot: string): Promise<void> {
  if (!(minutes > 0)) throw new Error('--minutes must be a number above 0');
  const samples = await soak(minutes);
  const { lines, isFlat, trend } = judge(samples);
  await writeFile(plot, plotSoak(samples, trend));
  for (const line of lines) console.log(line);
  process.exitCode = isFlat ? 0 : 1;
}

async function soak(minutes: number): Promise<TimedSample[]> {
  await using broker = await startMosquitto({
    persistence: true,
    config: ['log_type none', 'log_type information'],
  });
  await using proxy = await startTcpProxy(broker, { records: false });
  await using device4 = await SoakDevice.connect(broker.url, 4);
  await using device5 = await SoakDevice.connect(broker.url, 5);
  const program = await startProgram({ url: proxy.url });
  for (const device of [device4, device5]) await device.warmUp();
  const samples: TimedSample[] = [];
  const begin = performance.now();
  try {
    for (let round = 1; performance.now() - begin < minutes * MINUTE_MS; round++) {
      const disturb = () => disconnect(round, broker, proxy);
      const sample = await playRound(program, [device4, device5], disturb);
      samples.push({ ...sample, minutes: (performance.now() - begin) / MINUTE_MS });
      if (round % PRINT_EVERY === 1) printSample(samples.at(-1)!);
    }
  } finally {
    await program.stop();
  }
  return samples;
}

async function startProgram(settings: SoakSettings): Promise<BenchProcess<SoakReport>> {
  const url = new URL('program.js', import.meta.url);
  const program = new BenchProcess<SoakReport>(url, settings, FLAGS);
  await program.report();
  return program;
}

async function playRound(
  program: BenchProcess<SoakReport>,
  devices: readonly SoakDevice[],
  disturb: () => Promise<void>,
) {
  const loaded = program.report();
  program.send({ kind: 'load', durationMs: LOAD_MS });
  await Promise.all([
    loaded,
    ...devices.map((device) => device.run(LOAD_MS)),
    delay(LOAD_MS / 2).then(disturb),
  ]);
  const sampled = program.report();
  program.send({ kind: 'sample' });
  const report = await sampled;
  if (report.kind !== 'sample') throw new Error(`The program reports "${report.kind}", not a sample`);
  return report.sample;
}

async function disconnect(round: number, broker: Mosquitto, proxy: TcpProxy): Promise<void> {
  if (round % RESTART_EVERY === 0) await broker.restart();
  else if (round % 2 === 0) proxy.cut();
  else proxy.halfClose('toClient');
}

function printSample({ minutes, heapUsed, rss, listeners, timers, sockets }: TimedSample): void {
  const [heap, resident] = [heapUsed, rss].map((bytes) => (bytes / 1e6).toFixed(1));
  console.log(
    `${minutes.toFixed(1)} min: heap ${heap} MB, resident ${resident} MB, ${listeners} listeners, ${timers} timers, ${sockets} sockets`,
  );
}
