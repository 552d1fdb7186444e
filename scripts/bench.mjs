// npm run bench -- <name>: runs bench/<name>.bench.ts, which tsc has compiled to dist-examples/
import { readdirSync } from 'node:fs';

const folder = new URL('../dist-examples/bench/', import.meta.url);
const [name] = process.argv.slice(2);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.js'))
  .map((file) => file.slice(0, -'.bench.js'.length));

if (name !== undefined && names.includes(name)) {
  await import(new URL(`${name}.bench.js`, folder).href);
} else {
  console.error(`Usage: npm run bench -- <name>, one of: ${names.join(', ')}`);
  process.exitCode = 1;
}
