import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../brokers/cache.js';

/** A Python that has paho-mqtt. */
export function pahoPython(): string {
  const python = join(CACHE, 'python', 'bin', 'python');
  if (existsSync(python)) return python;
  throw new Error('paho-mqtt is missing: scripts/install-brokers.sh brings it');
}
