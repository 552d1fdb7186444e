import type { Benchmark, Section, Verdict } from '../support/benchmark.js';

/** A benchmark, and what it found. */
export interface Finding {
  readonly benchmark: Benchmark;
  readonly sections: readonly Section[];
}

/** All that the document tells of. */
export interface Report {
  readonly findings: readonly Finding[];
  /** What the figures depend on, by name. */
  readonly facts: ReadonlyMap<string, string>;
  readonly quick: boolean;
}

const QUICK = '**A run with `--quick`: it shows that everything works, and its figures mean nothing.**';
const INTRODUCTION = `
\`npm run bench -- --save\` has measured this and written this file; \`npm run bench\` prints the same on your machine.
MQTT.js by itself, Nest's built-in transporter and this library take turns, round by round, on one broker,
each in a process of its own.

- **µs CPU** is the CPU time of the process that is measured, user and system, for one event or request: what is left of a core for your own code.
  Broker and counterpart are other processes and do not count.
- **to MQTT.js**, **to built-in**: the median of the ratios of each round to the same round of MQTT.js, or of Nest's own; **of rounds** is the lowest and the highest one.
  Ratios hold on other machines, and on a busy one, more than microseconds do.
- Rates (**events/s**, **requests/s**) are times on the clock, on which other work on the machine tells more.
- The handlers do nothing. Where yours take 100 µs, all of these differences are small.
`;

/** The whole document. */
export function toMarkdown({ findings, facts, quick }: Report, chartsPath: string): string {
  return [
    '# Benchmarks',
    ...(quick ? [QUICK] : []),
    INTRODUCTION,
    table(['', ''], [...facts]),
    `![The medians as bars](${chartsPath})`,
    '## Targets',
    'What every change is measured by:',
    table(['', 'found', ''], verdictRows(findings)),
    ...findings.map(toChapter),
  ].join('\n\n');
}

function verdictRows(findings: readonly Finding[]): string[][] {
  return findings.flatMap(({ benchmark, sections }) =>
    sections.flatMap(({ title, verdicts = [] }) =>
      verdicts.map(({ target, found, met }) => [
        `${benchmark.title}, ${title}: ${target}`,
        found,
        met ? 'met' : '**missed**',
      ]),
    ),
  );
}

function toChapter({ benchmark: { title, method }, sections }: Finding): string {
  return [`## ${title}`, method, ...sections.map(toSubchapter)].join('\n\n');
}

function toSubchapter({ title, columns, rows, verdicts = [], notes = [] }: Section): string {
  const items = [...verdicts.map(toItem), ...notes].map((item) => `- ${item}`);
  return [`### ${title}`, table(columns, rows), items.join('\n')].join('\n\n');
}

function toItem({ target, found, met }: Verdict): string {
  return `${met ? 'Met' : '**Missed**'}: ${target}: ${found}`;
}

/** The first column to the left, the others to the right. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const alignment = columns.map((_, index) => (index === 0 ? '---' : '--:'));
  return [columns, alignment, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
