import type { ServiceKind, ServiceSettings } from './services/service.js';
import type { StartUpReport } from './start-up/protocol.js';
import { startBenchBroker } from './support/bench-broker.js';
import { BenchProcess } from './support/bench-process.js';
import type { Benchmark, BenchmarkSettings, Section } from './support/benchmark.js';
import type { Bar } from './support/chart.js';
import { Comparison } from './support/comparison.js';
import { chosenVersions, type MqttVersion } from './support/mqtt-version.js';
import { takeTurns } from './support/take-turns.js';
import { atMost } from './support/verdicts.js';

interface Subject {
  readonly kind: ServiceKind;
  readonly title: string;
  readonly of: Bar['of'];
}

const APPLICATION: Subject = { kind: 'application', title: 'ServerMqtt, controllers', of: 'nestjs-mqtt' };
const STRATEGY: Subject = { kind: 'strategy', title: 'ServerMqtt', of: 'nestjs-mqtt' };
const MQTT_JS: Subject = { kind: 'MQTT.js', title: 'MQTT.js, one SUBSCRIBE', of: 'MQTT.js' };
const BUILT_IN: Subject = { kind: 'built-in strategy', title: "Nest's ServerMqtt", of: 'built-in' };
const SUBJECTS: readonly Subject[] = [
  MQTT_JS,
  STRATEGY,
  APPLICATION,
  BUILT_IN,
  { kind: 'built-in application', title: "Nest's ServerMqtt, controllers", of: 'built-in' },
];
const FULL = { handlers: 10_000, rounds: 3 };
const QUICK = { handlers: 1_000, rounds: 1 };
const MAX_LISTEN_MS = 2_000;

const METHOD = `
A service starts with ${FULL.handlers.toLocaleString('en')} handlers, each time in a new process that has loaded its code. "To prepare" is until the handlers are
known (\`addHandler\`, or Nest's own scanning of the controllers), "to listen" from there until \`listen()\` resolves: the broker has granted every
subscription. Nest's own resolves before that, and is measured until the last SUBACK has come. MQTT.js puts all filters into one SUBSCRIBE.
`;
const WHY: Readonly<Record<MqttVersion['name'], string>> = {
  '3.1.1':
    'They have less to do: ServerMqtt parses each filter, plans which of them cover others, so that no message comes twice, and knows a broker that refuses some.',
  '5': 'With ServerMqtt each filter has a Subscription Identifier of its own, by which the broker tells what a message is for. MQTT has one for a SUBSCRIBE, so that there are as many packets as filters.',
};

/** How long a service with many handlers takes to start. */
export const startUp: Benchmark = {
  title: 'Start-up',
  method: METHOD,
  async *run(settings) {
    for (const version of chosenVersions(settings.choice)) yield await measureVersion(version, settings);
  },
};

async function measureVersion(
  { name, protocolVersion }: MqttVersion,
  { quick }: BenchmarkSettings,
): Promise<Section> {
  const { handlers, rounds } = quick ? QUICK : FULL;
  await using broker = await startBenchBroker(protocolVersion);
  const reports = await takeTurns(SUBJECTS, rounds, ({ kind }) =>
    start({ kind, url: broker.url, protocolVersion, prefix: 'bench/0', otherHandlers: handlers }),
  );
  const only = (column: keyof StartUpReport) =>
    new Comparison(
      SUBJECTS,
      reports.map((of) => of.map((report) => report[column])),
    );
  const [preparation, listen, cpu] = [only('preparationMs'), only('listenMs'), only('cpuMs')];
  return {
    title: `MQTT ${name}, ${handlers.toLocaleString('en')} handlers`,
    columns: ['', 'ms to prepare', 'ms to listen', 'ms CPU'],
    rows: SUBJECTS.map((subject) => [
      subject.title,
      ...[preparation, listen, cpu].map((figures) => figures.median(subject).toFixed(0)),
    ]),
    verdicts: [STRATEGY, APPLICATION].map((subject) =>
      atMost(MAX_LISTEN_MS, listen.median(subject), `${subject.title}, until listen() resolves`, ' ms'),
    ),
    notes: toNotes(listen, WHY[name]),
    chart: {
      title: `Start-up, MQTT ${name}, ${handlers.toLocaleString('en')} handlers`,
      unit: 'ms until every subscription is granted',
      bars: SUBJECTS.map((subject) => ({
        label: subject.title,
        of: subject.of,
        value: listen.median(subject),
      })),
    },
  };
}

/** Who is faster, and why. */
function toNotes(listen: Comparison<Subject>, why: string): string[] {
  const own = listen.median(STRATEGY);
  const faster = [MQTT_JS, BUILT_IN].filter((subject) => listen.median(subject) < own);
  if (faster.length === 0) return [];
  const names = faster.map(({ title }) => title).join(' and ');
  return [`Faster than ServerMqtt: ${names}. ${why}`];
}

async function start(settings: ServiceSettings): Promise<StartUpReport> {
  const program = new URL('start-up/start-up-program.js', import.meta.url);
  const child = new BenchProcess<StartUpReport>(program, settings);
  try {
    return await child.report();
  } finally {
    await child.stop();
  }
}
