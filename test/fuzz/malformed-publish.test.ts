import fc from 'fast-check';
import { topicNameProblem } from '../../src/topic/topic-name.js';
import { buildPackage, type BuiltPackage } from '../support/built-package.js';
import { until } from '../support/until.js';
import { startStubBroker, type StubBroker, type StubConnection } from '../support/stub-broker.js';
import { clientBarriers, serverBarriers, type Barrier } from './barriers.js';
import { fuzzSettings, fuzzTimeoutMs } from './fuzz-settings.js';
import { malformedPublishes, type MalformedPublish } from './malformed-publishes.js';
import { missingBytes } from './missing-bytes.js';
import { Program } from './program.js';

/** Four times that many are ten thousand. */
const RUNS = 2500;
const CONNECTIONS = 5;
const PADDING = 70_000;
const MAX_GROWTH = 6 * 1024 * 1024;
const CORRELATION_DATA = Buffer.from('id');

let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

describe.each([4, 5] as const)('malformed PUBLISHes (MQTT version %d)', (protocolVersion) => {
  it(
    'cost a server its connection at most, no memory, and are answered where they ask for it only',
    async () => {
      const publishes = malformedPublishes(protocolVersion, 'fuzz/a', CORRELATION_DATA);
      const sent = fc.sample(publishes, fuzzSettings(RUNS));
      const brokers = await sendToProgram('server', protocolVersion, sent, serverBarriers);
      const topics = publishedTo(brokers);
      expect(topics.length).toBeLessThanOrEqual(sent.length);
      const isAsked = (topic: string) =>
        topicNameProblem(topic) === undefined &&
        !topic.startsWith('$') &&
        sent.some(({ bytes }) => bytes.includes(responseTopic(topic)));
      expect([...new Set(topics)].filter((topic) => !isAsked(topic))).toEqual([]);
    },
    fuzzTimeoutMs(60_000),
  );

  it(
    'cost a client its connection at most, no memory, and make it publish its requests and cancellations only',
    async () => {
      const publishes = malformedPublishes(protocolVersion, 'clients/endpoint/replies', CORRELATION_DATA);
      const sent = fc.sample(publishes, fuzzSettings(RUNS));
      const barriers = (broker: StubBroker) => clientBarriers(broker, protocolVersion);
      const brokers = await sendToProgram('client', protocolVersion, sent, barriers);
      const topics = publishedTo(brokers);
      const cancellations = topics.filter((topic) => topic !== 'ask');
      expect([...new Set(cancellations)]).toEqual(['clients/endpoint/cancellations']);
      expect(cancellations.length).toBeLessThan(topics.length / 2); // of requests whose connection is lost
    },
    fuzzTimeoutMs(60_000),
  );
});

/** The topics of all messages, each of which may come again after a lost connection. */
function publishedTo(brokers: readonly StubBroker[]): readonly string[] {
  const published = brokers.flatMap((broker) => broker.packets('publish'));
  return published.filter(({ dup }) => !dup).map(({ topic }) => topic);
}

/** Shares them among the connections of a program, and returns what these were to. */
async function sendToProgram(
  role: 'server' | 'client',
  protocolVersion: 4 | 5,
  publishes: readonly MalformedPublish[],
  barriersOf: (broker: StubBroker) => () => Barrier,
): Promise<readonly StubBroker[]> {
  await using stubs = await startStubBrokers(protocolVersion);
  const { brokers } = stubs;
  const settings = { entry: built.entry, role, urls: brokers.map(({ url }) => url), protocolVersion };
  await using program = new Program('endpoint.mjs', settings);
  const barriers = brokers.map(barriersOf);
  await Promise.all(brokers.map(({ connections }) => until(() => connections.length > 0, STARTING)));
  await Promise.all(barriers.map((createBarrier) => until(createBarrier())));
  const before = await program.health();
  const own = (lane: number) => publishes.filter((_, index) => index % CONNECTIONS === lane);
  const passing = brokers.map(async (broker, lane) => {
    for (const malformed of own(lane)) await pass(broker, malformed, barriers[lane]!(), program);
  });
  await Promise.all(passing);
  const { heapUsed } = await program.health();
  expect(heapUsed).toBeLessThan(before.heapUsed + MAX_GROWTH);
  return brokers;
}

async function startStubBrokers(protocolVersion: 4 | 5) {
  const starting = Array.from({ length: CONNECTIONS }, () => startStubBroker({ protocolVersion }));
  const brokers = await Promise.all(starting);
  const end = async () => void (await Promise.all(brokers.map((broker) => broker[Symbol.asyncDispose]())));
  return { brokers, [Symbol.asyncDispose]: end };
}

const STARTING = { deadlineMs: 10_000, message: 'a connection' };

/** What comes after it is handled, without any help of the broker. */
async function pass(
  broker: StubBroker,
  { kind, bytes }: MalformedPublish,
  isPassed: Barrier,
  program: Program,
): Promise<void> {
  send(broker.connection, bytes);
  const message = () => `the barrier after ${kind}: ${bytes.toString('hex', 0, 500)}`;
  await until(isPassed, { message }).finally(() => program.checkAlive());
}

/** Sends what the packet says that it has, or else is gone in the middle of it. */
function send({ socket }: StubConnection, bytes: Buffer): void {
  const missing = missingBytes(bytes);
  socket.write(bytes);
  if (missing > PADDING) socket.destroySoon();
  else if (missing > 0) socket.write(Buffer.alloc(missing, 'x'));
}

function responseTopic(topic: string): Buffer {
  const bytes = Buffer.from(topic);
  return Buffer.from([0x08, bytes.length >> 8, bytes.length & 0xff, ...bytes]);
}
