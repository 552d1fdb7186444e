// npm run fuzz -- [--minutes <n>] [--seed <n>] [--runs <n>] [<test path>…]: runs what is tested with random values, with another seed in
// each round and more values than npm test, until one fails, or for so many minutes and to the end of the round. A seed is one round.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const JEST = [
  '--disable-warning=ExperimentalWarning',
  '--experimental-vm-modules',
  'node_modules/jest/bin/jest.js',
];
const TESTS = ['fuzz', 'unit/topic', 'unit/codec', 'unit/message', 'unit/connection/subscriptions'];

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    runs: { type: 'string', default: '5000' }, // npm test has 1000
  },
  allowPositionals: true,
});
const { minutes = values.seed === undefined ? Infinity : 0, seed, runs } = values;
const tests = positionals.length > 0 ? positionals : TESTS.map((folder) => `test/${folder}`);
const end = performance.now() + Number(minutes) * 60_000;

for (let round = 1; round === 1 || performance.now() < end; round++)
  runRound(round, round === 1 && seed !== undefined ? seed : randomInt(2 ** 31));

function runRound(round, roundSeed) {
  const repeat = ['npm run fuzz -- --seed', roundSeed, '--runs', runs, ...positionals].join(' ');
  console.log(`\nRound ${round}: ${repeat}`);
  const { status, signal } = spawnSync(process.execPath, [...JEST, ...tests, '--testTimeout=300000'], {
    stdio: 'inherit',
    env: { ...process.env, FC_SEED: String(roundSeed), FC_RUNS: runs },
  });
  if (signal !== null) process.exit(1); // stopped
  if (status === 0) return;
  console.error(`\nRound ${round} failed; to repeat it: ${repeat}`);
  process.exit(1);
}
