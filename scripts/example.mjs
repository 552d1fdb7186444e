// npm run example -- <name> [--url <url>]: runs examples/<name>, which tsc has compiled to dist-examples/
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Aedes } from 'aedes-mqtt5';
import { MqttTestBroker } from 'nestjs-mqtt/testing';
import { startMosquitto } from './start-mosquitto.mjs';

/** The variables that examples read, and the brokers that they get without --url. */
const brokersOf = {
  hybrid: { MQTT_URL: startAedes, CLOUD_URL: startAedes },
  // Aedes has no Shared Subscriptions
  operating: { MQTT_URL: startMosquitto },
  'scale-out': { MQTT_URL: startMosquitto },
};
const oneBroker = { MQTT_URL: startAedes };

const folder = new URL('../dist-examples/examples/', import.meta.url);
const names = readdirSync(folder).filter((name) => !['demo', 'fleet'].includes(name)); // npm run demo
const { values, positionals } = parseArgs({ allowPositionals: true, options: { url: { type: 'string' } } });
const [name] = positionals;

if (!names.includes(name)) {
  console.error(
    `Usage: npm run example -- <name> [--url <url>], one of: ${names.join(', ')}; or npm run demo [-- --web]`,
  );
  process.exitCode = 1;
} else if (existsSync(new URL(`${name}/main.js`, folder))) {
  await runMain(new URL(`${name}/main.js`, folder), brokersOf[name] ?? oneBroker);
} else {
  runTests(new URL(`${name}/`, folder));
}

async function runMain(main, wanted) {
  const brokers = [];
  try {
    for (const [variable, start] of Object.entries(wanted)) {
      if (values.url === undefined) brokers.push(await start());
      process.env[variable] = values.url ?? brokers.at(-1).url;
    }
    await import(main.href);
  } catch (error) {
    console.error(error);
    process.exit(1); // it may still be connected
  }
  await Promise.all(brokers.map((broker) => broker.close()));
}

function startAedes() {
  return MqttTestBroker.start({ aedes: Aedes.createBroker() });
}

function runTests(example) {
  const files = readdirSync(example).filter((file) => file.endsWith('.test.js'));
  const paths = files.map((file) => fileURLToPath(new URL(file, example)));
  execFileSync(process.execPath, ['--test', '--test-reporter=spec', ...paths], { stdio: 'inherit' });
}
