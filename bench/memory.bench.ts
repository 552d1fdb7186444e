import type { ServiceKind, ServiceSettings } from './services/service.js';
import { startBenchBroker } from './support/bench-broker.js';
import { BenchProcess } from './support/bench-process.js';
import type { Benchmark, Section } from './support/benchmark.js';
import type { Bar } from './support/chart.js';
import { Comparison } from './support/comparison.js';
import { takeTurns } from './support/take-turns.js';
import { atMost } from './support/verdicts.js';

interface Subject {
  readonly kind: ServiceKind;
  readonly title: string;
  readonly of: Bar['of'];
}

interface HeapReport {
  readonly bytes: number;
}

const STRATEGY: Subject = { kind: 'strategy', title: 'ServerMqtt', of: 'nestjs-mqtt' };
const SUBJECTS: readonly Subject[] = [
  { kind: 'MQTT.js', title: 'MQTT.js, a subscription', of: 'MQTT.js' },
  STRATEGY,
  { kind: 'application', title: 'ServerMqtt, controllers', of: 'nestjs-mqtt' },
  { kind: 'built-in strategy', title: "Nest's ServerMqtt", of: 'built-in' },
  { kind: 'built-in application', title: "Nest's ServerMqtt, controllers", of: 'built-in' },
];
const MAX_BYTES = 2_000;
const FULL = { handlers: 10_000, rounds: 3 };
const QUICK = { handlers: 1_000, rounds: 1 };

const METHOD = `
The heap of a service with ${FULL.handlers.toLocaleString('en')} handlers that listens, after garbage collections, less that of a service with none. The function of the
handler is part of it; with controllers, so is what Nest keeps of a method.
`;
const WHY =
  "MQTT.js and Nest's own keep less. What MQTT.js knows of a subscription is its topic. Nest's own keeps a handler by its pattern; ServerMqtt has its levels in a trie, its options, its order, and what the broker has granted.";

/** What a handler weighs. */
export const memory: Benchmark = {
  title: 'Memory of handlers',
  method: METHOD,
  async *run({ quick }) {
    yield await weigh(quick ? QUICK : FULL);
  },
};

async function weigh({ handlers, rounds }: typeof FULL): Promise<Section> {
  await using broker = await startBenchBroker(5);
  const service = { url: broker.url, protocolVersion: 5, prefix: 'bench/0' } as const;
  const bytes = await takeTurns(SUBJECTS, rounds, async ({ kind }) => {
    const none = await heapOf({ ...service, kind, otherHandlers: 0 });
    return ((await heapOf({ ...service, kind, otherHandlers: handlers })) - none) / handlers;
  });
  const each = new Comparison(SUBJECTS, bytes);
  return {
    title: `MQTT 5, ${handlers.toLocaleString('en')} handlers`,
    columns: ['', 'bytes each'],
    rows: SUBJECTS.map((subject) => [subject.title, Math.round(each.median(subject)).toLocaleString('en')]),
    verdicts: [atMost(MAX_BYTES, each.median(STRATEGY), 'A handler of ServerMqtt', ' bytes')],
    notes: [WHY],
    chart: {
      title: `Memory, ${handlers.toLocaleString('en')} handlers`,
      unit: 'bytes of heap for each',
      bars: SUBJECTS.map((subject) => ({
        label: subject.title,
        of: subject.of,
        value: each.median(subject),
      })),
    },
  };
}

async function heapOf(settings: ServiceSettings): Promise<number> {
  const program = new URL('memory/heap-program.js', import.meta.url);
  const child = new BenchProcess<HeapReport>(program, settings, ['--expose-gc']);
  try {
    return (await child.report()).bytes;
  } finally {
    await child.stop();
  }
}
