import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';

const BUILD_DEADLINE_MS = 120_000;
const DEADLINE_MS = 15_000;
const needsMosquitto = ['operating', 'scale-out'];
const all = readdirSync('examples');
const names = all.filter((name) => !['demo', 'fleet'].includes(name)); // .ci/run and test/web run them

const run = promisify(execFile);

beforeAll(() => run('npm', ['run', '-s', 'build:examples']), BUILD_DEADLINE_MS);

for (const name of names) {
  const describeExample = needsMosquitto.includes(name) ? describeWithMosquitto : describe;
  describeExample(`examples/${name}`, () => {
    it('prints what its README says, and ends', async () => {
      const { stdout } = await run(process.execPath, ['scripts/example.mjs', name], {
        timeout: DEADLINE_MS,
        env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
      });
      expect(stdout).toMatch(printedBy(name));
    });
  });
}

it.each(['meters.module.ts', 'meters.test.ts'])('docs/testing.md shows %s as it is', (file) => {
  const code = readFileSync(`examples/testing/${file}`, 'utf8');
  expect(readFileSync('docs/testing.md', 'utf8')).toContain(`\`\`\`ts [${file}]\n${code}\`\`\`\n`);
});

it('every example is in the list of the README', () => {
  const readme = readFileSync('README.md', 'utf8');
  expect(all.filter((name) => !readme.includes(`(examples/${name})`))).toEqual([]);
});

/** The code block below "prints", with `…` for anything. */
function printedBy(name: string): RegExp {
  const path = `examples/${name}/README.md`;
  const [, printed] = /^prints\n\n```\n(.*?)^```$/ms.exec(readFileSync(path, 'utf8')) ?? [];
  if (printed === undefined) throw new Error(`${path} does not say what the example prints`);
  const pattern = printed.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('…', '[^]*');
  return new RegExp(`^${pattern}$`);
}
