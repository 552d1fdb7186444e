import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** The package as JavaScript, for the processes that a test starts. */
export interface BuiltPackage extends AsyncDisposable {
  /** The URL of its entry point. */
  readonly entry: string;
}

/** Compiles the source as it is now, below `node_modules`, where it finds its dependencies. */
export async function buildPackage(): Promise<BuiltPackage> {
  const cache = join('node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'built-package-'));
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', folder]);
  return {
    entry: pathToFileURL(join(folder, 'index.js')).href,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
