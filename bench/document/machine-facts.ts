import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { mosquittoProgram } from '../../test/support/mosquitto-program.js';

const GIGABYTE = 2 ** 30;
const PACKAGES = ['mqtt', '@nestjs/microservices'] as const;

/** What the figures depend on, by name. */
export function machineFacts(): ReadonlyMap<string, string> {
  const all = cpus();
  const [load] = loadavg();
  return new Map([
    ['CPU', `${all[0]?.model.trim() ?? 'unknown'}, ${all.length} cores, ${platform()} ${arch()}`],
    ['Memory', `${Math.round(totalmem() / GIGABYTE)} GB`],
    ['Node', process.version],
    ['nestjs-mqtt', versionIn('package.json')],
    ...PACKAGES.map((name) => [name, versionOf(name)] as const),
    ['Broker', mosquittoProgram === undefined ? 'Aedes' : mosquittoVersion(mosquittoProgram)],
    ['Load average at the start', load!.toFixed(1)],
    ['Date', new Date().toISOString().slice(0, 'yyyy-mm-dd'.length)],
  ]);
}

function versionOf(name: string): string {
  const path = createRequire(import.meta.url).resolve(name);
  const folder = path.slice(0, path.lastIndexOf(join('node_modules', name)));
  return versionIn(join(folder, 'node_modules', name, 'package.json'));
}

function versionIn(manifest: string): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** Its help begins with that, and ends with an exit code that says nothing. */
function mosquittoVersion(program: string): string {
  const help = execFileSync('sh', ['-c', '"$0" -h || true', program], { encoding: 'utf8' });
  return help.split('\n', 1)[0]!;
}
