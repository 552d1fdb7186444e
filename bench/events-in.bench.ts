import type { QoS } from 'mqtt-packet';
import { BurstPublisher } from './events-in/burst-publisher.js';
import type { RoundRequest } from './events-in/protocol.js';
import { SubscriberProcess } from './events-in/subscriber-process.js';
import type { ServiceKind } from './services/service.js';
import { startBenchBroker } from './support/bench-broker.js';
import type { Benchmark, BenchmarkSettings, Section, Verdict } from './support/benchmark.js';
import { EventResults, type EventCost, type EventSubject } from './support/event-results.js';
import { chosenVersions, type MqttVersion } from './support/mqtt-version.js';
import { takeTurns } from './support/take-turns.js';
import { atMost } from './support/verdicts.js';

interface Subject extends EventSubject {
  readonly kind: ServiceKind;
}

type Results = EventResults<Subject>;

const MQTT_JS: Subject = {
  kind: 'MQTT.js',
  title: 'MQTT.js and JSON.parse',
  of: 'MQTT.js',
  form: 'alone',
  otherHandlers: 0,
};
const SERVICES: readonly Omit<Subject, 'otherHandlers'>[] = [
  { kind: 'strategy', title: 'ServerMqtt', of: 'nestjs-mqtt', form: 'alone' },
  { kind: 'application', title: 'ServerMqtt, controllers', of: 'nestjs-mqtt', form: 'application' },
  { kind: 'built-in strategy', title: "Nest's ServerMqtt", of: 'built-in', form: 'alone' },
  {
    kind: 'built-in application',
    title: "Nest's ServerMqtt, controllers",
    of: 'built-in',
    form: 'application',
  },
];
const FULL = { sizes: [0, 1_000, 10_000], rounds: 7, warmUpRounds: 2, bursts: 16 };
const QUICK = { sizes: [0, 1_000], rounds: 1, warmUpRounds: 0, bursts: 2 };
/** As many as MQTT.js reads at once: 64 kB. */
const BURST = 500;
/** Of one that looks at each handler for each event. */
const SLOW_BURSTS = new Map([
  [1_000, 100],
  [10_000, 20],
]);
const STRATEGY_TO_MQTT_JS = 1.15;
const APPLICATION_TO_BUILT_IN = 0.85;
const FLAT = 1.2;

const METHOD = `
A subscriber has one handler that events come for, and others that none is for, half of them registered before it and half after. The
events are JSON of some 100 bytes, of 100 devices. The subscriber stands still until a burst of ${BURST} is at its socket, so that
it reads them in the same pieces in each round; the rate is how fast it works a burst off. (Nest's own gets smaller bursts where it has other
handlers: it looks at each of them for each event, and half of them are before the one that matches.)

"ServerMqtt" and "Nest's ServerMqtt" are the strategies by themselves, with functions for handlers; with "controllers" they are whole
applications: \`@MqttEventPattern\` with \`@Payload()\` and \`@TopicParam()\`, and Nest's \`@EventPattern\` with \`@Payload()\` and
\`@Ctx()\`, from whose topic the handler takes the device.
`;
const WHY_STRATEGY = `MQTT.js calls one function for all messages. ServerMqtt finds the handlers, keeps keys that could poison a prototype out of the
JSON, keeps the order of each topic, bounds how many handlers run, keeps their asynchronous contexts apart, and waits for them: 5.3 kB of objects for an
event, where MQTT.js makes 3.0 kB. A third of the difference is there before anything is routed (acknowledgements that are taken over from MQTT.js, and the
promise of an asynchronous handler); no other part takes more than an eighth of it, and the collector a sixth. With QoS 1 and 2 most of it is won back by writing
acknowledgements together.`;
const WHY_BUILT_IN = `It hands an event to its handler and is done with it: no order, no bound on what runs, no acknowledgement that waits for the handler,
and JSON with all of its keys.`;
const WHY_APPLICATION =
  "Parameters, guards, pipes and interceptors are Nest's own code, and cost the same with its transporter.";

/** What an event costs its subscriber. */
export const eventsIn: Benchmark = {
  title: 'Events in',
  method: METHOD,
  async *run(settings) {
    for (const version of chosenVersions(settings.choice)) yield* measureVersion(version, settings);
  },
};

async function* measureVersion(version: MqttVersion, settings: BenchmarkSettings): AsyncGenerator<Section> {
  const { sizes, ...effort } = settings.quick ? QUICK : FULL;
  const subjects = [
    MQTT_JS,
    ...sizes.flatMap((otherHandlers) => SERVICES.map((service) => ({ ...service, otherHandlers }))),
  ];
  const { protocolVersion } = version;
  await using broker = await startBenchBroker(protocolVersion);
  await using publisher = await BurstPublisher.connect(broker.url, protocolVersion);
  const subscribers: SubscriberProcess[] = [];
  try {
    for (const [index, { kind, otherHandlers }] of subjects.entries()) {
      const service = { kind, otherHandlers, prefix: `bench/${index}`, url: broker.url, protocolVersion };
      subscribers.push(await SubscriberProcess.start(service));
    }
    for (const qos of [0, 1, 2] as const) {
      const turn = ([subject, subscriber]: readonly [Subject, SubscriberProcess]): Promise<EventCost> =>
        subscriber.receive(roundOf(subject, effort.bursts, qos), publisher);
      const pairs = subjects.map((subject, index) => [subject, subscribers[index]!] as const);
      await takeTurns(pairs, effort.warmUpRounds, turn);
      const results = new EventResults(subjects, await takeTurns(pairs, effort.rounds, turn));
      yield toSection(version, qos, results, sizes.at(-1)!);
    }
  } finally {
    await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
  }
}

function roundOf({ of, otherHandlers }: Subject, bursts: number, qos: QoS): RoundRequest {
  const slowBurst = of === 'built-in' ? SLOW_BURSTS.get(otherHandlers) : undefined;
  return slowBurst === undefined ? { bursts, burst: BURST, qos } : { bursts: 1, burst: slowBurst, qos };
}

function toSection(version: MqttVersion, qos: QoS, results: Results, many: number): Section {
  const title = `MQTT ${version.name}, QoS ${qos}`;
  return {
    ...results.table(title),
    verdicts: toVerdicts(qos, results, many),
    notes: toNotes(results),
    chart: version.name === '3.1.1' && qos < 2 ? results.chart(`Events in, ${title}`, true) : undefined,
  };
}

function toVerdicts(qos: QoS, results: Results, many: number): Verdict[] {
  const [strategy, application] = oursOf(results);
  const builtIn = results.find('built-in', 'application', 0)!;
  const toBuiltIn = atMost(
    APPLICATION_TO_BUILT_IN,
    results.cpu.ratio(application, builtIn),
    "CPU time in controllers, to Nest's own",
  );
  return [
    atMost(STRATEGY_TO_MQTT_JS, results.cpu.ratio(strategy, MQTT_JS), 'CPU time of the strategy, to MQTT.js'),
    ...(qos < 2 ? [toBuiltIn] : []),
    ...[strategy, application].map((few) => {
      const growth = results.cpu.ratio(results.find('nestjs-mqtt', few.form, many)!, few);
      return atMost(FLAT, growth, `${few.title}, ${many.toLocaleString('en')} other handlers to none`);
    }),
  ];
}

/** Who is faster, and why. */
function toNotes(results: Results): string[] {
  const [strategy, application] = oursOf(results);
  const added = results.cpu.median(application) - results.cpu.median(strategy);
  return [
    ...results.slower(strategy, MQTT_JS, 'MQTT.js', WHY_STRATEGY),
    ...[strategy, application].flatMap((own) =>
      results.slower(own, results.find('built-in', own.form, 0)!, "Nest's own", WHY_BUILT_IN),
    ),
    ...(added > 0 ? [`Controllers add ${added.toFixed(1)} µs. ${WHY_APPLICATION}`] : []),
  ];
}

function oursOf(results: Results): readonly [Subject, Subject] {
  return [results.find('nestjs-mqtt', 'alone', 0)!, results.find('nestjs-mqtt', 'application', 0)!];
}
