import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../src/', import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'));

const pure = ['errors', 'topic', 'codec', 'message'];
const shared = [...pure, 'diagnostics', 'connection'];
/** What each file or folder of src/ may import of src/; a folder that is not named is an add-on. */
const layers: Record<string, string[]> = {
  errors: ['errors'],
  topic: pure,
  codec: pure,
  message: pure,
  diagnostics: [...pure, 'diagnostics'],
  connection: shared,
  server: [...shared, 'server'],
  client: [...shared, 'client'],
  module: [...shared, 'module'],
  index: [...shared, 'server', 'client', 'module'],
};
const mayNameTypesOfMqtt = ['server', 'client', 'index'];
/** The add-on that each optional peer is for. */
const optionalPeers: Record<string, string> = {
  aedes: 'testing',
  '@nestjs/terminus': 'health',
  '@nestjs/testing': 'testing',
  '@opentelemetry/api': 'opentelemetry',
};

interface Import {
  readonly from: string;
  readonly names: string;
  readonly isType: boolean;
}

describe('src/', () => {
  it.each(files)('%s imports what its layer may use', (file) => {
    const forbidden = importsOf(file).filter((found) => !isAllowed(file, found));
    expect(forbidden).toEqual([]);
  });
});

function isAllowed(file: string, found: Import): boolean {
  const layer = layerOf(file);
  if (found.from.startsWith('.')) {
    const target = layerOf(posix.join(posix.dirname(file), found.from));
    return (layers[layer] ?? ['index', layer]).includes(target);
  }
  if (/^mqtt(\/|$)/.test(found.from))
    return layer === 'connection' || (found.isType && mayNameTypesOfMqtt.includes(layer));
  const addOn = optionalPeers[found.from];
  if (addOn !== undefined) return layer === addOn;
  if (!found.from.startsWith('@nestjs/')) return true;
  if (layer === 'message')
    return found.from.endsWith('/microservices') && /^\{ Mqtt(Record|Context)\b[^,]*\}$/.test(found.names);
  return layer !== 'topic' && layer !== 'codec';
}

/** `topic` for `topic/topic-trie.ts`, `errors` for `errors.ts` and `errors.js`. */
function layerOf(path: string): string {
  return path
    .split('/', 1)
    .join()
    .replace(/\.[jt]s$/, '');
}

function importsOf(file: string): Import[] {
  const statement = /^(?:import|export) (type )?(?:([^'";()]*?) from )?'([^']+)';|\bimport\('([^']+)'\)/gm;
  return Array.from(readFileSync(join(src, file), 'utf8').matchAll(statement), (match) => ({
    from: match[3] ?? match[4] ?? '',
    names: match[2] ?? '',
    isType: match[1] !== undefined,
  }));
}
