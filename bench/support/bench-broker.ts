import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startMosquitto } from '../../test/support/mosquitto.js';
import { mosquittoProgram } from '../../test/support/mosquitto-program.js';

interface BenchBroker extends AsyncDisposable {
  readonly url: string;
}

const MOSQUITTO_CONFIG = ['log_type none', 'log_type information', 'max_inflight_messages 0'];

/** A mosquitto that holds nothing back, or an Aedes in a process of its own where mosquitto is missing. */
export async function startBenchBroker(
  protocolVersion: 4 | 5,
  config: readonly string[] = [],
): Promise<BenchBroker> {
  if (mosquittoProgram !== undefined) return startMosquitto({ config: [...MOSQUITTO_CONFIG, ...config] });
  console.log('mosquitto is missing: this is on Aedes');
  const child = fork(fileURLToPath(new URL('aedes.js', import.meta.url)), [String(protocolVersion)]);
  const [url] = (await once(child, 'message')) as [string];
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    },
  };
}
