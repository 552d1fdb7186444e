// npm run bench -- requests: requests and their replies on MQTT 5, QoS 0, compared to MQTT.js alone and to Nest's own transporter,
// and what a request weighs that nobody answers. The pairs take turns: only the ratios mean something.
import { startBenchBroker } from './support/bench-broker.js';
import { median } from './support/median.js';
import { rowPrinter } from './support/row-printer.js';
import { takeTurns } from './support/take-turns.js';
import type { PairKind, PendingKind, RoundReport } from './requests/protocol.js';
import { RequestPair } from './requests/request-pair.js';
import { weighPending } from './requests/weigh-pending.js';

interface Mode {
  readonly title: string;
  readonly concurrency: number;
  /** How many times as many requests per second the library has to make. */
  readonly targets?: { readonly bare: number; readonly builtIn: number };
}

const TITLES: Readonly<Record<PendingKind, string>> = {
  bare: 'MQTT.js and JSON',
  ours: 'ServerMqtt, ClientMqtt',
  'built-in': "Nest's built-in ones",
  proxy: "Nest's ClientProxy alone",
};
const PAIRS = ['bare', 'ours', 'built-in'] as const satisfies readonly PairKind[];
const MODES: readonly Mode[] = [
  { title: 'One request at a time', concurrency: 1, targets: { bare: 0.9, builtIn: 20 } },
  { title: '64 at a time', concurrency: 64, targets: { bare: 0.9, builtIn: 1.1 } },
  { title: '512 at a time', concurrency: 512 },
];
/** Its default, with which a client that subscribes for each request waits 40 ms for an acknowledgement of TCP's. */
const MOSQUITTO_CONFIG = ['set_tcp_nodelay false'];
const ROUNDS = 5;
const WARM_UP_ROUNDS = 1;
const ROUND_MS = 800;
const WARM_UP_ROUND_MS = 500;
const PENDING_REQUESTS = 10_000;
const MAX_PENDING_BYTES = 5_000_000;

const printRow = rowPrinter(26, 12);

await run();

async function run(): Promise<void> {
  await using broker = await startBenchBroker(5, MOSQUITTO_CONFIG);
  console.log(
    `MQTT 5, QoS 0; medians of ${ROUNDS} rounds of ${ROUND_MS} ms, in which a slow pair makes fewer requests`,
  );
  console.log(
    '("answered"). "lost" is a sum; the time in which all that is under way is lost does not count.\n',
  );
  const isFast = await compareRates(broker.url);
  const isLight = await comparePending(broker.url);
  process.exitCode = isFast && isLight ? 0 : 1;
}

async function compareRates(url: string): Promise<boolean> {
  const pairs: RequestPair[] = [];
  try {
    for (const kind of PAIRS) pairs.push(await RequestPair.start({ kind, url, topic: `bench/${kind}/sum` }));
    for (const mode of MODES) await measure(pairs, mode, WARM_UP_ROUNDS, WARM_UP_ROUND_MS);
    let met = true;
    for (const mode of MODES) met = reportRates(mode, await measure(pairs, mode, ROUNDS, ROUND_MS)) && met;
    return met;
  } finally {
    await Promise.all(pairs.map((pair) => pair.stop()));
  }
}

function measure(
  pairs: readonly RequestPair[],
  { concurrency }: Mode,
  rounds: number,
  durationMs: number,
): Promise<RoundReport[][]> {
  return takeTurns(pairs, rounds, (pair) => pair.makeRequests({ concurrency, durationMs }));
}

function reportRates({ title, targets }: Mode, reports: readonly RoundReport[][]): boolean {
  const [bare, ours, builtIn] = reports as [RoundReport[], RoundReport[], RoundReport[]];
  printRow(
    title,
    'requests/s',
    'to bare',
    'of rounds',
    'to built-in',
    'p50 ms',
    'p99 ms',
    'answered',
    'lost',
  );
  for (const [index, kind] of PAIRS.entries()) {
    const rounds = reports[index]!;
    const toBare = ratios(rounds, bare);
    const range = `${Math.min(...toBare).toFixed(2)}–${Math.max(...toBare).toFixed(2)}`;
    printRow(
      TITLES[kind],
      medianOf(rounds, 'requestsPerSecond').toFixed(0),
      median(toBare).toFixed(2),
      range,
      median(ratios(rounds, builtIn)).toFixed(2),
      medianOf(rounds, 'p50Ms').toFixed(2),
      medianOf(rounds, 'p99Ms').toFixed(2),
      medianOf(rounds, 'answered').toFixed(0),
      rounds.reduce((sum, { lost }) => sum + lost, 0).toFixed(0),
    );
  }
  const met =
    targets === undefined || meets(targets, median(ratios(ours, bare)), median(ratios(ours, builtIn)));
  console.log();
  return met;
}

function meets({ bare, builtIn }: NonNullable<Mode['targets']>, toBare: number, toBuiltIn: number): boolean {
  const verdicts = [
    `${bare} times bare: ${verdict(toBare >= bare)}`,
    `${builtIn} times built-in: ${verdict(toBuiltIn >= builtIn)}`,
  ];
  console.log(`Target: ${verdicts.join(', ')}`);
  return toBare >= bare && toBuiltIn >= builtIn;
}

async function comparePending(url: string): Promise<boolean> {
  printRow(`${PENDING_REQUESTS} pending`, 'bytes each', 'MB', 'MB left');
  let met = true;
  for (const kind of [...PAIRS, 'proxy'] as const) {
    const { pending, left } = await weighPending({ kind, url, requests: PENDING_REQUESTS });
    printRow(TITLES[kind], (pending / PENDING_REQUESTS).toFixed(0), toMegabytes(pending), toMegabytes(left));
    if (kind === 'ours') met = pending <= MAX_PENDING_BYTES;
  }
  console.log(`Target: ${toMegabytes(MAX_PENDING_BYTES)} MB at most: ${verdict(met)}`);
  return met;
}

function ratios(rounds: readonly RoundReport[], others: readonly RoundReport[]): number[] {
  return rounds.map(({ requestsPerSecond }, round) => requestsPerSecond / others[round]!.requestsPerSecond);
}

function medianOf(rounds: readonly RoundReport[], name: keyof RoundReport): number {
  return median(rounds.map((round) => round[name]));
}

function toMegabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(2);
}

function verdict(met: boolean): string {
  return met ? 'met' : 'MISSED';
}
