import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findExecutable } from '../../support/find-executable.js';
import { CACHE } from './cache.js';

const JAVA = findExecutable('java');

/** For a machine that has others to run too. */
const JVM_OPTIONS = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** The version of a broker that scripts/install-brokers.sh has brought, if there is a Java to run it. */
export function jarVersion(name: string): string | undefined {
  return JAVA && jarFolder(name)?.slice(name.length + 1);
}

export function javaProgram(name: string, args: readonly string[]) {
  const classPath = join(CACHE, jarFolder(name) ?? name, '*');
  return { path: JAVA ?? 'java', args: [...JVM_OPTIONS, '-cp', classPath, ...args] };
}

function jarFolder(name: string): string | undefined {
  try {
    return readdirSync(CACHE).find((folder) => folder.startsWith(`${name}-`));
  } catch {
    return undefined;
  }
}
