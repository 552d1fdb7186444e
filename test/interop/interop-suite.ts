import { ConnectionError } from '../../src/index.js';
import { outcomeOf } from '../support/outcome-of.js';
import type { Feature, Limit } from './feature.js';
import { FEATURES } from './features.js';
import type { InteropBroker, Profile } from './profile.js';
import { forgetColumn, saveColumn, type Column, type Outcome } from './results.js';
import { Scene } from './scene.js';
import { writeTables } from './table.js';

const VERSIONS = [4, 5] as const;
const HOW_TO_INSTALL = 'scripts/install-brokers.sh brings it';

/**
 * What users do, on a broker with each version of MQTT that it speaks: it works, or is limited as declared. On a machine without
 * the broker the suite is skipped, aloud; with `REQUIRE_BROKERS=1` it fails.
 */
export function describeInterop(profile: Profile): void {
  const { name, version } = profile;
  if (version !== undefined) {
    describe(`${name} ${version}`, () => tryOut(profile, version));
  } else if (process.env.REQUIRE_BROKERS === '1') {
    it(`has a ${name}`, () => expect(`${name} is missing: ${HOW_TO_INSTALL}`).toBe(`${name} is installed`));
  } else {
    process.stderr.write(`Skipped ${name}, which is missing: ${HOW_TO_INSTALL}\n`);
    it.skip(`runs on ${name}`, () => expect(version).toBeDefined());
  }
}

function tryOut(profile: Profile, version: string): void {
  const { name, protocolVersions } = profile;
  const outcomes: Record<string, Partial<Record<4 | 5, Outcome>>> = {};
  let broker: InteropBroker;

  beforeAll(async () => {
    broker = await profile.start();
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
    await record(profile, { broker: name, version, protocolVersions, outcomes });
  });

  describe.each(protocolVersions)('MQTT version %i', (protocolVersion) => {
    for (const feature of featuresOf(profile, protocolVersion)) {
      const limit = limitOf(profile, feature, protocolVersion);
      it(limit === undefined ? feature.name : `${feature.name}: ${limit.words}`, async () => {
        await expectAsDeclared(limit ?? feature, new Scene(broker, protocolVersion));
        (outcomes[feature.name] ??= {})[protocolVersion] = limit ?? 'works';
      });
    }
  });

  const others = VERSIONS.filter((other) => !protocolVersions.includes(other));
  if (others.length > 0) {
    it.each(others)('refuses MQTT version %i, with an error that says so', async (other) => {
      await expectRefusal(new Scene(broker, other));
    });
  }
}

function featuresOf(profile: Profile, protocolVersion: 4 | 5): readonly Feature[] {
  const isLimited = (feature: Feature) => limitOf(profile, feature, protocolVersion) !== undefined;
  return Object.values(FEATURES)
    .flat()
    .filter(({ mqtt5 }) => mqtt5 !== true || protocolVersion === 5)
    .filter(({ needs }) => needs === undefined || !isLimited(needs));
}

function limitOf({ limits }: Profile, wanted: Feature, version: 4 | 5): Limit | undefined {
  return limits.find(
    ({ feature, protocolVersion = version }) => feature === wanted && protocolVersion === version,
  );
}

async function expectAsDeclared(declared: Feature | Limit, scene: Scene): Promise<void> {
  await declared.run(scene);
}

async function expectRefusal(scene: Scene): Promise<void> {
  const error = await outcomeOf(scene.startService({ server: { maxConnectionAttempts: 1 } }));
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).toMatchObject({ message: expect.stringMatching(/protocolVersion|MQTT version/) });
}

/** For the tables, if everything came out as declared. */
async function record(profile: Profile, column: Column): Promise<void> {
  const { id, protocolVersions } = profile;
  const complete = protocolVersions.every((version) =>
    featuresOf(profile, version).every(({ name }) => column.outcomes[name]?.[version] !== undefined),
  );
  if (!complete) forgetColumn(id);
  else saveColumn(id, column);
  await writeTables();
}
