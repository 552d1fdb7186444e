import { startBenchBroker } from './support/bench-broker.js';
import type { Benchmark, BenchmarkSettings, Section, Verdict } from './support/benchmark.js';
import type { Chart } from './support/chart.js';
import { median } from './support/median.js';
import { takeTurns } from './support/take-turns.js';
import { atLeast, atMost } from './support/verdicts.js';
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
const OF = { bare: 'MQTT.js', ours: 'nestjs-mqtt', 'built-in': 'built-in' } as const;
const PAIRS = ['bare', 'ours', 'built-in'] as const satisfies readonly PairKind[];
const MODES: readonly Mode[] = [
  { title: 'One request at a time', concurrency: 1, targets: { bare: 0.9, builtIn: 20 } },
  { title: '64 at a time', concurrency: 64, targets: { bare: 0.9, builtIn: 1.1 } },
  { title: '512 at a time', concurrency: 512 },
];
const COLUMNS = [
  '',
  'requests/s',
  'to MQTT.js',
  'of rounds',
  'to built-in',
  'µs CPU',
  'p50 ms',
  'p99 ms',
  'lost',
];
/** Its default, with which a client that subscribes for each request waits 40 ms for an acknowledgement of TCP's. */
const MOSQUITTO_CONFIG = ['set_tcp_nodelay false'];
const FULL = { rounds: 5, roundMs: 800, warmUpRounds: 1, warmUpRoundMs: 500, pending: 10_000 };
const QUICK = { rounds: 1, roundMs: 200, warmUpRounds: 0, warmUpRoundMs: 0, pending: 1_000 };
const MAX_PENDING_BYTES = 500;

const METHOD = `
A requester asks a responder for the sum of two numbers, over MQTT 5 with QoS 0, so many requests at a time; both are processes of their own, and "µs CPU" is
that of both for a request that was answered. MQTT.js by itself has a reply topic and a map of callbacks. mosquitto has its default setting of
\`set_tcp_nodelay\`, with which a client that subscribes for each request, as Nest's own does, waits 40 ms for an acknowledgement of TCP's.
"Lost" are requests that never get an answer: Nest's own loses those of a burst if the last reply before it ends its subscription. The time in which
nothing moves for that reason does not count.
`;
const WHY_MQTT_JS =
  'Routing, an `Observable`, a deadline and a way to cancel for each request are what the bare pair does not have.';
const WHY_BUILT_IN =
  'It keeps its subscription while requests overlap, so that 40 ms are not lost; it has no deadlines, and loses requests.';

/** Requests and their replies, and what a request weighs that nobody answers. */
export const requests: Benchmark = {
  title: 'Requests',
  method: METHOD,
  async *run(settings) {
    await using broker = await startBenchBroker(5, MOSQUITTO_CONFIG);
    yield* compareRates(broker.url, settings);
    yield await comparePending(broker.url, settings);
  },
};

async function* compareRates(url: string, { quick }: BenchmarkSettings): AsyncGenerator<Section> {
  const { rounds, roundMs, warmUpRounds, warmUpRoundMs } = quick ? QUICK : FULL;
  const pairs: RequestPair[] = [];
  try {
    for (const kind of PAIRS) pairs.push(await RequestPair.start({ kind, url, topic: `bench/${kind}/sum` }));
    for (const mode of MODES) await measure(pairs, mode, warmUpRounds, warmUpRoundMs);
    for (const mode of MODES) yield toSection(mode, await measure(pairs, mode, rounds, roundMs));
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

function toSection({ title, targets }: Mode, reports: readonly RoundReport[][]): Section {
  const [bare, ours, builtIn] = reports as [RoundReport[], RoundReport[], RoundReport[]];
  const rows = PAIRS.map((kind, index) => toRow(TITLES[kind], reports[index]!, bare, builtIn));
  const verdicts: Verdict[] =
    targets === undefined
      ? []
      : [
          atLeast(targets.bare, median(ratios(ours, bare)), 'Requests per second to those of MQTT.js'),
          atLeast(targets.builtIn, median(ratios(ours, builtIn)), "To those of Nest's built-in ones"),
        ];
  const notes = toNotes(median(ratios(ours, bare)), median(ratios(ours, builtIn)));
  return { title, columns: COLUMNS, rows, verdicts, notes, chart: toChart(title, reports) };
}

/** Who is faster, and why. */
function toNotes(toBare: number, toBuiltIn: number): string[] {
  return [...slower('MQTT.js', toBare, WHY_MQTT_JS), ...slower("Nest's own", toBuiltIn, WHY_BUILT_IN)];
}

function slower(who: string, ratio: number, why: string): string[] {
  return ratio < 1 ? [`${who} is faster, we make ${ratio.toFixed(2)} times as many requests. ${why}`] : [];
}

function toChart(title: string, reports: readonly RoundReport[][]): Chart {
  const bars = PAIRS.map((kind, index) => {
    const value = medianOf(reports[index]!, 'requestsPerSecond');
    return { label: TITLES[kind], of: OF[kind], value };
  });
  return { title: `Requests, ${title.toLowerCase()}`, unit: 'requests each second', bars };
}

function toRow(
  title: string,
  rounds: readonly RoundReport[],
  bare: readonly RoundReport[],
  builtIn: readonly RoundReport[],
): string[] {
  const toBare = ratios(rounds, bare);
  return [
    title,
    Math.round(medianOf(rounds, 'requestsPerSecond')).toLocaleString('en'),
    median(toBare).toFixed(2),
    `${Math.min(...toBare).toFixed(2)}–${Math.max(...toBare).toFixed(2)}`,
    median(ratios(rounds, builtIn)).toFixed(2),
    medianOf(rounds, 'cpuMicroseconds').toFixed(0),
    medianOf(rounds, 'p50Ms').toFixed(2),
    medianOf(rounds, 'p99Ms').toFixed(2),
    rounds.reduce((sum, { lost }) => sum + lost, 0).toLocaleString('en'),
  ];
}

async function comparePending(url: string, { quick }: BenchmarkSettings): Promise<Section> {
  const { pending: count } = quick ? QUICK : FULL;
  const weights = [];
  for (const kind of [...PAIRS, 'proxy'] as const) {
    const { pending, left } = await weighPending({ kind, url, requests: count });
    weights.push({
      kind,
      each: pending / count,
      row: [TITLES[kind], ...[pending / count, left / count].map(toBytes)],
    });
  }
  const { each } = weights.find(({ kind }) => kind === 'ours')!;
  return {
    title: `${count.toLocaleString('en')} pending requests`,
    columns: ['', 'bytes each', 'left of each'],
    rows: weights.map(({ row }) => row),
    verdicts: [atMost(MAX_PENDING_BYTES, each, 'A pending request', ' bytes')],
  };
}

function ratios(rounds: readonly RoundReport[], others: readonly RoundReport[]): number[] {
  return rounds.map(({ requestsPerSecond }, round) => requestsPerSecond / others[round]!.requestsPerSecond);
}

function medianOf(rounds: readonly RoundReport[], name: keyof RoundReport): number {
  return median(rounds.map((round) => round[name]));
}

function toBytes(bytes: number): string {
  return Math.round(bytes).toLocaleString('en');
}
