import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { buildPackage, type BuiltPackage } from '../support/built-package.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { fence } from '../support/fence.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';
import type { ClientMqtt } from '../../src/index.js';
import { Attacker } from './attacker.js';
import { FLOOD_ATTACKS } from './flood-attacks.js';
import { fuzzTimeoutMs, isLongRun } from './fuzz-settings.js';
import { PAYLOAD_ATTACKS, type Attack } from './payload-attacks.js';
import { Program } from './program.js';

const ANSWER_WITHIN_MS = 1000;
const MAX_GROWTH = 25 * 1024 * 1024;

let built: BuiltPackage;
let logs: CapturedLogs;

beforeAll(async () => {
  logs = captureLogs();
  built = await buildPackage();
}, 60_000);
afterAll(async () => {
  logs[Symbol.dispose]();
  await built[Symbol.asyncDispose]();
});

describeOnBrokers(
  'a service that is given',
  ({ protocolVersion, start }) => {
    let broker: Broker;
    let program: Program;
    let client: ClientMqtt & AsyncDisposable;
    let heapAtStart: number;

    const expected = new Map([['clients/prober/cancellations', Infinity]]); // of what was lost, and asked again

    const expectOne = (topic: string) => expected.set(topic, (expected.get(topic) ?? 0) + 1);
    const isAnswered = async () => {
      const question = Math.random();
      for (const topic of ['requests/echo', 'clients/prober/replies']) expectOne(topic);
      return (await outcomeOf(client.send('requests/echo', question), ANSWER_WITHIN_MS)) === question;
    };

    beforeAll(async () => {
      broker = await start();
      program = new Program('service.mjs', { entry: built.entry, url: broker.url, protocolVersion });
      client = await startClient(broker.url, { protocolVersion, clientId: 'prober', reconnectPeriod: 20 });
      await until(isAnswered, { deadlineMs: 10_000 });
      heapAtStart = (await program.health()).heapUsed;
    }, 20_000);
    afterAll(async () => {
      await client[Symbol.asyncDispose]();
      await program[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    });

    it.each(Object.entries({ ...PAYLOAD_ATTACKS, ...FLOOD_ATTACKS }))(
      '%s answers a request afterwards, and has published nothing that nobody asked for',
      async (_, attack: Attack) => {
        await using attacker = await Attacker.start({ url: broker.url, protocolVersion, program, expected });
        await attack(attacker);
        await until(isAnswered);
        await fence(attacker.spy);
        expect(attacker.unexpected()).toEqual([]);
        const { heapUsed, polluted } = await program.health();
        expect(polluted).toEqual([]);
        expect(heapUsed).toBeLessThan(heapAtStart + MAX_GROWTH);
      },
      fuzzTimeoutMs(20_000),
    );
  },
  { only: ({ kind, protocolVersion }) => isLongRun || (kind === 'mosquitto') === (protocolVersion === 5) },
);
