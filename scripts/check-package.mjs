// Packs the tarball and looks at it as a user would: publint, are-the-types-wrong, the list of its files,
// and an empty project that installs it, imports it and compiles against it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = readJson(join(root, 'package.json'));

/** What a user writes with each entry point. */
const consumers = {
  '.': `import { ClientMqtt, ServerMqtt } from '${manifest.name}';
export const both = [new ServerMqtt({ url: 'mqtt://localhost' }), new ClientMqtt({ url: 'mqtt://localhost' })];
`,
  './health': `import type { HealthIndicatorFunction, HealthIndicatorService } from '@nestjs/terminus';
import { MqttConnection } from '${manifest.name}';
import { MqttHealthIndicator } from '${manifest.name}/health';
declare const indicators: HealthIndicatorService;
export const check: HealthIndicatorFunction = () =>
  new MqttHealthIndicator(indicators).isReady('mqtt', new MqttConnection());
`,
  './opentelemetry': `import { MqttInstrumentation, type MqttInstrumentationConfig } from '${manifest.name}/opentelemetry';
const config: MqttInstrumentationConfig = { destinationTemplate: (topic) => topic.split('/')[0] };
new MqttInstrumentation(config).disable();
`,
  './testing': `import { createMqttTestingApp, MqttTestBroker } from '${manifest.name}/testing';
await using broker = await MqttTestBroker.start();
await using service = await createMqttTestingApp({ broker });
`,
};
const consumerOptions = {
  target: 'es2023',
  // mqtt's own declarations need the DOM
  lib: ['es2023', 'dom', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
};

const scratch = mkdtempSync(join(tmpdir(), 'check-package-'));
try {
  const tarball = pack();
  tool('publint', 'publint', [tarball, '--strict']);
  tool('@arethetypeswrong/cli', 'attw', [tarball, '--profile', 'esm-only', '--format', 'ascii']);
  useInEmptyProject(tarball);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function pack() {
  run('npm', ['run', '-s', 'build'], root);
  const arguments_ = ['pack', '--ignore-scripts', '--json', '--pack-destination', scratch];
  const packed = JSON.parse(execFileSync('npm', arguments_, { cwd: root, encoding: 'utf8' }));
  const [{ filename, files }] = Object.values(packed);
  checkFiles(files.map((file) => file.path));
  return join(scratch, filename);
}

function checkFiles(paths) {
  const required = [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'package.json',
    ...entryPoints().flatMap((entryPoint) =>
      Object.values(manifest.exports[entryPoint]).map((path) => path.replace('./', '')),
    ),
  ];
  const missing = required.filter((path) => !paths.includes(path));
  const surplus = paths.filter((path) => !required.includes(path) && !/^dist\/.+(\.js|\.d\.ts)$/.test(path));
  if (missing.length > 0) throw new Error(`The tarball lacks ${missing.join(', ')}`);
  if (surplus.length > 0) throw new Error(`The tarball should not contain ${surplus.join(', ')}`);
  console.log(`${paths.length} files in the tarball`);
}

/** The main entry point with the required peers alone, then every entry point with the optional ones. */
function useInEmptyProject(tarball) {
  const project = join(scratch, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const peers = Object.keys(manifest.peerDependencies);
  const isOptional = (name) => manifest.peerDependenciesMeta?.[name]?.optional === true;
  install(project, [
    tarball,
    ...[...peers.filter((name) => !isOptional(name)), '@types/node'].map(asDeveloped),
  ]);
  use(project, ['.']);
  install(project, peers.filter(isOptional).map(asDeveloped));
  use(project, entryPoints());
}

function use(project, used) {
  for (const entryPoint of used) {
    const name = join(manifest.name, entryPoint);
    const print = (how) => `console.log('${name} exports:', Object.keys(${how}('${name}')).join(' '))`;
    run(process.execPath, ['--input-type=module', '-e', print('await import')], project);
    run(process.execPath, ['--input-type=commonjs', '--no-warnings', '-e', print('require')], project);
  }
  const files = used.map((entryPoint, index) => {
    writeFileSync(join(project, `consumer-${index}.ts`), consumers[entryPoint]);
    return `consumer-${index}.ts`;
  });
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: consumerOptions, files }));
  tool('typescript', 'tsc', ['-p', '.'], project);
  console.log(`A strict consumer of ${used.length} entry points compiles`);
}

function entryPoints() {
  return Object.keys(manifest.exports).filter((path) => path !== './package.json');
}

function asDeveloped(name) {
  return `${name}@${manifest.devDependencies[name]}`;
}

function install(project, packages) {
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], project);
}

function tool(packageName, command, arguments_, cwd = root) {
  const folder = join(root, 'node_modules', packageName);
  const { bin } = readJson(join(folder, 'package.json'));
  run(process.execPath, [join(folder, bin[command]), ...arguments_], cwd);
}

function run(command, arguments_, cwd) {
  execFileSync(command, arguments_, { cwd, stdio: ['ignore', 'inherit', 'inherit'], timeout: 300_000 });
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
