import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeOnBrokers } from '../support/brokers.js';
import { buildPackage, type BuiltPackage } from '../support/built-package.js';
import { connectDevice } from '../support/device.js';
import { seededRandom } from '../support/seeded-random.js';
import { startStubBroker, type StubBroker } from '../support/stub-broker.js';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { createChild } from './child.js';

const MESSAGES = 1000;
const KILLS = 12;
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

const WITHOUT_CLASSIC_LEVEL = moduleOf(`
  import { register } from 'node:module';
  register(${JSON.stringify(
    moduleOf(`export const resolve = (name, context, next) =>
      next(name === 'classic-level' ? 'not-installed' : name, context);`),
  )});`);

let built: BuiltPackage;
let folder: TemporaryFolder;

beforeAll(async () => {
  built = await buildPackage();
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await createTemporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

describe.each([
  [4, 1],
  [4, 2],
  [5, 1],
  [5, 2],
] as const)('a publisher with an outbox that is killed (MQTT version %d, QoS %d)', (protocolVersion, qos) => {
  it(`sends its ${MESSAGES} unacknowledged messages when it is started again, in order, and never again`, async () => {
    await using broker = await startStubBroker({
      protocolVersion,
      script: (connection) => ({ publish: connection === 1 ? 'ignore' : 'answer' }),
    });
    const settings = { url: broker.url, protocolVersion, qos, first: MESSAGES, later: 0 };
    await using publisher = await createPublisher(settings);
    publisher.start();
    await until(() => payloadsOn(broker, 1).length === MESSAGES, { deadlineMs: 20_000 });
    await publisher.end('SIGKILL');
    const sent = payloadsOn(broker, 1);
    expect(sent.map(numberOf)).toEqual(numbers());

    publisher.start();
    const end = qos === 1 ? 'publish' : 'pubrel';
    await until(() => broker.connections[1]?.received(end).length === MESSAGES, { deadlineMs: 20_000 });
    expect(payloadsOn(broker, 2)).toEqual(sent);
    await publisher.end('SIGTERM');

    publisher.start();
    await publisher.said('ready', 3);
    await publisher.said('published', 3);
    expect(payloadsOn(broker, 3)).toEqual([]);
  }, 60_000);
});

describe('a publisher with an outbox that is killed while it has no connection', () => {
  it(`sends its ${MESSAGES} messages when it is started again, in order`, async () => {
    let open = true;
    await using broker = await startStubBroker({ script: () => ({ connect: open ? 'answer' : 'close' }) });
    const settings = { url: broker.url, qos: 1, first: MESSAGES, later: 0, offline: true };
    await using publisher = await createPublisher(settings);
    publisher.start();
    await publisher.said('ready');
    open = false;
    broker.closeConnections();
    await publisher.said('published');
    const [pid] = publisher.messages('published');
    await until(() => isOnDisk(`${pid} ${MESSAGES - 1}`));
    await publisher.end('SIGKILL');
    expect(broker.packets('publish')).toEqual([]);

    open = true;
    publisher.start();
    await until(() => broker.packets('publish').length === MESSAGES, { deadlineMs: 20_000 });
    expect(payloadsOn(broker, broker.connections.length).map(numberOf)).toEqual(numbers());
  }, 60_000);
});

describe('an outbox that another process has', () => {
  it('is refused, and left as it is', async () => {
    await using broker = await startStubBroker();
    const settings = { url: broker.url, qos: 1, first: 0, later: 0 };
    await using publisher = await createPublisher(settings);
    await using other = await createPublisher(settings);
    publisher.start();
    await publisher.said('ready');
    other.start();
    await other.said('failed');
    expect(other.messages('failed')).toEqual([
      `ERR_MQTT_CONFIGURATION Cannot open the outbox "${folder.path}": it is in use, by another process or another connection`,
    ]);
    await publisher.end('SIGKILL');
    other.start();
    await other.said('ready');
  });
});

describe('an outbox without the package classic-level', () => {
  it('is refused, with the name of the package', async () => {
    const settings = { url: 'mqtt://localhost', qos: 1, first: 0, later: 0 };
    await using publisher = await createPublisher(settings, '--import', WITHOUT_CLASSIC_LEVEL);
    publisher.start();
    await publisher.said('failed');
    expect(publisher.messages('failed')).toEqual([
      'ERR_MQTT_CONFIGURATION The option outbox needs the package classic-level: npm install classic-level',
    ]);
  });
});

describeOnBrokers(
  `a publisher with an outbox that is killed ${KILLS} times (CHAOS_SEED=${seed})`,
  ({ protocolVersion, start }) => {
    it.each([1, 2] as const)(
      'loses nothing that comes before what has arrived, and with QoS 2 repeats nothing (QoS %d)',
      async (qos) => {
        const random = seededRandom(seed);
        await using broker = await start();
        await using device = await connectDevice(broker.url, { protocolVersion });
        await device.subscribe('chaos', { qos: 2 });
        await using publisher = await createPublisher({
          url: broker.url,
          protocolVersion,
          qos,
          first: 200,
          later: 200,
          clientId: 'publisher',
          clean: false,
          limits: { receiveMaximum: 20 },
          ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 600 } }),
        });
        for (let kill = 1; kill <= KILLS; kill++) {
          publisher.start();
          await publisher.said('ready', kill);
          await delay(random() * 40);
          await publisher.end('SIGKILL');
        }
        publisher.start();
        await publisher.said('published', publisher.messages('published').length + 1);
        const last = publisher.messages('published').at(-1)!;
        const received = () => device.received.map(({ payload }) => payload.toString());
        await until(() => received().includes(`${last} 199`), { deadlineMs: 20_000 });

        const firsts = [...new Set(received())];
        for (const run of new Set(firsts.map(runOf))) {
          const ofRun = firsts.filter((message) => runOf(message) === run).map(numberOf);
          expect(ofRun).toEqual(numbers().slice(0, ofRun.length));
        }
        for (const message of publisher.messages('acknowledged')) expect(firsts).toContain(message);
        if (qos === 2) expect(received()).toEqual(firsts);
      },
      120_000,
    );
  },
  { only: ({ kind }) => kind === 'mosquitto' },
);

function createPublisher(settings: object, ...nodeOptions: string[]) {
  const outbox = { path: folder.path };
  return createChild('publisher.mjs', { entry: built.entry, outbox, ...settings }, ...nodeOptions);
}

/** LevelDB writes to a log first, as it is. */
function isOnDisk(text: string): boolean {
  return readdirSync(folder.path).some(
    (file) => file.endsWith('.log') && readFileSync(join(folder.path, file)).includes(text),
  );
}

function payloadsOn(broker: StubBroker, connection: number): string[] {
  const packets = broker.connections[connection - 1]?.received('publish') ?? [];
  return packets.map(({ payload }) => payload.toString());
}

/** A message is the process that published it, and a number. */
function runOf(payload: string): string {
  return payload.split(' ')[0]!;
}

function numberOf(payload: string): string {
  return payload.split(' ')[1]!;
}

function numbers(): string[] {
  return Array.from({ length: MESSAGES }, (_, n) => `${n}`);
}

function moduleOf(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
