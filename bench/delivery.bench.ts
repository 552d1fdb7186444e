// npm run bench -- delivery [3.1.1 | 5]: the CPU time of a subscriber for each QoS 1 message, compared to MQTT.js alone.
// The subscribers take turns, so that whatever else the machine does falls on all of them: only the ratios mean something.
import { Publisher } from './delivery/publisher.js';
import { SubscriberProcess } from './delivery/subscriber-process.js';
import type { SubscriberKind } from './delivery/protocol.js';
import { startBenchBroker } from './support/bench-broker.js';
import { median } from './support/median.js';
import { rowPrinter } from './support/row-printer.js';
import { takeTurns } from './support/take-turns.js';

interface Subject {
  readonly title: string;
  readonly kind: SubscriberKind;
  readonly otherHandlers: number;
  /** How much of the CPU time of MQTT.js alone it may take. */
  readonly target?: number;
}

const SUBJECTS: readonly [Subject, ...Subject[]] = [
  { title: 'MQTT.js and JSON.parse', kind: 'bare', otherHandlers: 0 },
  { title: 'ServerMqtt', kind: 'server', otherHandlers: 0, target: 1.15 },
  { title: 'ServerMqtt, 10,000 other handlers', kind: 'server', otherHandlers: 10_000, target: 1.2 },
  { title: "Nest's built-in ServerMqtt", kind: 'built-in', otherHandlers: 0 },
];
const VERSIONS = new Map<string, 4 | 5>([
  ['3.1.1', 4],
  ['5', 5],
]);
const ROUNDS = 7;
const WARM_UP_ROUNDS = 2;
const MESSAGES_PER_ROUND = 20_000;

const printRow = rowPrinter(36, 13);

await run(process.argv[3]);

async function run(chosen: string | undefined): Promise<void> {
  const names = chosen === undefined ? [...VERSIONS.keys()] : [chosen];
  let met = true;
  for (const name of names) {
    const version = VERSIONS.get(name);
    if (version === undefined) throw new Error(`MQTT ${name} is none of ${[...VERSIONS.keys()].join(', ')}`);
    met = report(name, await measure(version)) && met;
  }
  process.exitCode = met ? 0 : 1;
}

/** The CPU time per message of each subject in microseconds, one for each round. */
async function measure(protocolVersion: 4 | 5): Promise<number[][]> {
  await using broker = await startBenchBroker(protocolVersion);
  await using publisher = await Publisher.connect(broker.url, protocolVersion);
  const subscribers: SubscriberProcess[] = [];
  try {
    for (const [index, { kind, otherHandlers }] of SUBJECTS.entries()) {
      const settings = { kind, otherHandlers, prefix: `bench/${index}`, url: broker.url, protocolVersion };
      subscribers.push(await SubscriberProcess.start(settings));
    }
    const turn = async (subscriber: SubscriberProcess) =>
      (await subscriber.receive(MESSAGES_PER_ROUND, publisher)) / MESSAGES_PER_ROUND;
    await takeTurns(subscribers, WARM_UP_ROUNDS, turn);
    return await takeTurns(subscribers, ROUNDS, turn);
  } finally {
    await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
  }
}

function report(version: string, times: readonly number[][]): boolean {
  printRow(`MQTT ${version}, QoS 1`, 'µs CPU', 'ratio', 'of rounds', 'target');
  const met = SUBJECTS.map(({ title, target }, index) => {
    const ratios = times[index]!.map((time, round) => time / times[0]![round]!);
    const ratio = median(ratios);
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    const verdict = target === undefined ? '' : `${ratio <= target ? 'met' : 'MISSED'} ${target}`;
    printRow(title, median(times[index]!).toFixed(1), ratio.toFixed(2), range, verdict);
    return target === undefined || ratio <= target;
  });
  const [few, many] = [times[1]!, times[2]!];
  const growth = median(many.map((time, round) => time / few[round]!));
  console.log(`10,000 other handlers make ServerMqtt take ${growth.toFixed(2)} times as long\n`);
  return met.every(Boolean);
}
