// npm run bench [-- <name> [<choice>]] [-- --quick] [-- --save]
import { parseArgs } from 'node:util';
import { machineFacts } from './document/machine-facts.js';
import { saveDocument } from './document/save-document.js';
import type { Finding } from './document/to-markdown.js';
import { eventsIn } from './events-in.bench.js';
import { eventsOut } from './events-out.bench.js';
import { memory } from './memory.bench.js';
import { requests } from './requests.bench.js';
import { routing } from './routing.bench.js';
import { startUp } from './start-up.bench.js';
import type { Benchmark, BenchmarkSettings, Section } from './support/benchmark.js';
import { printSection } from './support/print-section.js';

const BENCHMARKS: ReadonlyMap<string, Benchmark> = new Map([
  ['events-in', eventsIn],
  ['events-out', eventsOut],
  ['requests', requests],
  ['routing', routing],
  ['start-up', startUp],
  ['memory', memory],
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } },
});
const [name, choice] = positionals;
const chosen = name === undefined ? [...BENCHMARKS.values()] : BENCHMARKS.get(name);

if (chosen === undefined || (values.save && name !== undefined)) {
  console.error(`Usage: npm run bench [-- [<name> [3.1.1 | 5]] [--quick]], or npm run bench -- --save`);
  console.error(`The names are ${[...BENCHMARKS.keys()].join(', ')}`);
  process.exitCode = 1;
} else {
  await run([chosen].flat(), { quick: values.quick, choice });
}

async function run(benchmarks: readonly Benchmark[], settings: BenchmarkSettings): Promise<void> {
  const facts = machineFacts();
  const findings: Finding[] = [];
  for (const benchmark of benchmarks)
    findings.push({ benchmark, sections: await measure(benchmark, settings) });
  if (values.save) await saveDocument({ findings, facts, quick: settings.quick });
  const verdicts = findings.flatMap(({ sections }) => sections.flatMap(({ verdicts: own = [] }) => own));
  if (!settings.quick && verdicts.some(({ met }) => !met)) process.exitCode = 1;
}

async function measure(benchmark: Benchmark, settings: BenchmarkSettings): Promise<Section[]> {
  const sections: Section[] = [];
  console.log(`\n== ${benchmark.title}`);
  for await (const section of benchmark.run(settings)) {
    printSection(section);
    sections.push(section);
  }
  return sections;
}
