import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import type { Feature } from './feature.js';
import { FEATURES } from './features.js';
import { BROKERS } from './profile.js';
import { readColumn, type Column, type Outcome } from './results.js';

const PATH = 'docs/interop.md';
const MARK = '<!-- `npm run test:interop` writes what follows -->';
const WORKS = '✓';

/** Writes the tables, if every broker has been tried; the text above them is written by hand. */
export async function writeTables(): Promise<void> {
  const columns = BROKERS.flatMap((id) => readColumn(id) ?? []);
  if (columns.length < BROKERS.length) return;
  const before = readFileSync(PATH, 'utf8');
  const [introduction = ''] = before.split(MARK);
  const parts = [introduction.trimEnd(), MARK, versions(columns), ...features(columns), ...limits(columns)];
  const options = { ...(await resolveConfig(PATH)), parser: 'markdown' };
  const after = await format(parts.join('\n\n'), options);
  if (after !== before) writeFileSync(PATH, after);
}

function versions(columns: readonly Column[]): string {
  const row = (name: string, version: 4 | 5) => [
    name,
    ...columns.map(({ protocolVersions }) =>
      protocolVersions.includes(version) ? WORKS : 'no: `ConnectionError`',
    ),
  ];
  return table(columns, [row('MQTT 3.1.1', 4), row('MQTT 5', 5)]);
}

function features(columns: readonly Column[]): string[] {
  return Object.entries(FEATURES).map(([title, section]) => {
    const rows = section.map((feature) => [feature.name, ...columns.map((column) => cell(column, feature))]);
    return `## ${title}\n\n${table(columns, rows)}`;
  });
}

function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const header = ['', ...columns.map(({ broker, version }) => `${broker} ${version}`)];
  return markdown([header, ...rows]);
}

function cell({ outcomes }: Column, { name }: Feature): string {
  const old = wordsOf(outcomes[name]?.[4]);
  const current = wordsOf(outcomes[name]?.[5]);
  if (old === undefined || current === undefined || old === current) return old ?? current ?? '–';
  return `3.1.1: ${old}; 5: ${current}`;
}

function wordsOf(outcome: Outcome | undefined): string | undefined {
  if (outcome === undefined) return undefined;
  return outcome === 'works' ? WORKS : outcome.words;
}

/** What users are told of each limit. */
function limits(columns: readonly Column[]): string[] {
  const rows = Object.values(FEATURES)
    .flat()
    .flatMap((feature) => limitsOf(feature, columns));
  const header = ['', 'The broker', 'The library'];
  return ['## What the library says', markdown([header, ...rows])];
}

function limitsOf({ name }: Feature, columns: readonly Column[]): string[][] {
  const outcomes = columns.flatMap((column) => Object.values(column.outcomes[name] ?? {}));
  const limited = outcomes.filter((outcome) => outcome !== 'works');
  const said = new Map(limited.map(({ words, says = 'nothing: it cannot know' }) => [words, says]));
  return [...said].map(([words, says]) => [name, words, says]);
}

function markdown([header = [], ...rows]: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
