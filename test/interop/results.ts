import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './brokers/cache.js';
import type { Limit } from './feature.js';

/** How a feature came out, when it came out as declared: without a limit, it works. */
export type Outcome = 'works' | Pick<Limit, 'words' | 'says'>;

/** What was seen of one broker: for each feature, and each version of MQTT. */
export interface Column {
  readonly broker: string;
  readonly version: string;
  readonly protocolVersions: readonly (4 | 5)[];
  readonly outcomes: Readonly<Record<string, Partial<Record<4 | 5, Outcome>>>>;
}

const FOLDER = join(CACHE, 'results');

export function saveColumn(id: string, column: Column): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(pathOf(id), JSON.stringify(column));
}

/** For a broker that did not come out as declared. */
export function forgetColumn(id: string): void {
  rmSync(pathOf(id), { force: true });
}

/** What was saved last; `undefined` if nothing was. */
export function readColumn(id: string): Column | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(id), 'utf8')) as Column;
  } catch {
    return undefined;
  }
}

function pathOf(id: string): string {
  return join(FOLDER, `${id}.json`);
}
