import type { QoS } from 'mqtt-packet';
import type { PublisherKind } from './events-out/protocol.js';
import { PublisherProcess } from './events-out/publisher-process.js';
import { Sink } from './events-out/sink.js';
import { startBenchBroker } from './support/bench-broker.js';
import type { Benchmark, BenchmarkSettings, Section } from './support/benchmark.js';
import { EventResults, type EventSubject } from './support/event-results.js';
import { chosenVersions, type MqttVersion } from './support/mqtt-version.js';
import { takeTurns } from './support/take-turns.js';

interface Subject extends EventSubject {
  readonly kind: PublisherKind;
}

const MQTT_JS: Subject = {
  kind: 'MQTT.js',
  title: 'MQTT.js and JSON.stringify',
  of: 'MQTT.js',
  form: 'alone',
  otherHandlers: 0,
};
const CLIENT: Subject = {
  kind: 'client',
  title: 'ClientMqtt',
  of: 'nestjs-mqtt',
  form: 'alone',
  otherHandlers: 0,
};
const BUILT_IN_CLIENT: Subject = {
  ...CLIENT,
  kind: 'built-in client',
  title: "Nest's ClientMqtt",
  of: 'built-in',
};
const APPLICATION = {
  kind: 'application',
  title: 'ClientMqtt, injected',
  of: 'nestjs-mqtt',
  form: 'application',
} as const;
const BUILT_IN_APPLICATION = {
  kind: 'built-in application',
  title: "Nest's ClientMqtt, injected",
  of: 'built-in',
  form: 'application',
} as const;
const FULL = { sizes: [0, 1_000, 10_000], rounds: 7, warmUpRounds: 2, bursts: 80 };
const QUICK = { sizes: [0, 1_000], rounds: 1, warmUpRounds: 0, bursts: 5 };
const BURST = 100;

const METHOD = `
A publisher publishes ${BURST} events at once, waits until they are written (QoS 0) or acknowledged, and publishes the next ones when a
subscriber, in another process, has all of them. MQTT.js writes each with \`publishAsync\`, ours and Nest's own with \`emit\`. "Injected" is the client
that a Nest application gets from \`ClientsModule\`, in a process that has handlers, too. With QoS 1 the publisher stands still until the broker
has answered for all, so that it reads the acknowledgements in the same pieces in each round. Nest's own wraps each event in an envelope,
which is some 40 bytes longer.
`;
const WHY_MQTT_JS =
  'An `Observable` for each event, the checks of the topic and of the limits of the broker, and the bounds on what waits are what `publishAsync` does not have.';
const WHY_BUILT_IN =
  'Checks and bounds that it has not: of the topic and the properties, of the limits of the broker, of what is unacknowledged.';

/** What an event costs its publisher. */
export const eventsOut: Benchmark = {
  title: 'Events out',
  method: METHOD,
  async *run(settings) {
    for (const version of chosenVersions(settings.choice)) yield* measureVersion(version, settings);
  },
};

async function* measureVersion(version: MqttVersion, settings: BenchmarkSettings): AsyncGenerator<Section> {
  const { sizes, bursts, ...effort } = settings.quick ? QUICK : FULL;
  const inApplications = sizes.flatMap((otherHandlers) =>
    [APPLICATION, BUILT_IN_APPLICATION].map((subject) => ({ ...subject, otherHandlers })),
  );
  const subjects: Subject[] = [MQTT_JS, CLIENT, BUILT_IN_CLIENT, ...inApplications];
  const { protocolVersion } = version;
  await using broker = await startBenchBroker(protocolVersion);
  await using sink = await Sink.connect(broker.url, protocolVersion, 'bench/#');
  const publishers: PublisherProcess[] = [];
  try {
    for (const [index, { kind, otherHandlers }] of subjects.entries()) {
      const publisher = { kind, otherHandlers, prefix: `bench/${index}`, url: broker.url, protocolVersion };
      publishers.push(await PublisherProcess.start(publisher));
    }
    for (const qos of [0, 1, 2] as const) {
      const turn = (publisher: PublisherProcess) => publisher.publish(bursts, { burst: BURST, qos }, sink);
      await takeTurns(publishers, effort.warmUpRounds, turn);
      const results = new EventResults(subjects, await takeTurns(publishers, effort.rounds, turn));
      yield toSection(version, qos, results);
    }
  } finally {
    await Promise.all(publishers.map((publisher) => publisher.stop()));
  }
}

function toSection(version: MqttVersion, qos: QoS, results: EventResults<Subject>): Section {
  const title = `MQTT ${version.name}, QoS ${qos}`;
  const hasChart = version.name === '3.1.1' && qos < 2;
  return {
    ...results.table(title),
    notes: [
      ...results.slower(CLIENT, MQTT_JS, 'MQTT.js', WHY_MQTT_JS),
      ...results.slower(CLIENT, BUILT_IN_CLIENT, "Nest's own", WHY_BUILT_IN),
    ],
    chart: hasChart
      ? results.chart(`Events out, ${title}`, false, [MQTT_JS, CLIENT, BUILT_IN_CLIENT])
      : undefined,
  };
}
