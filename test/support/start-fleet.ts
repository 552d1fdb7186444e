import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** `npm run demo -- --web`, as a process of its own. */
export interface FleetProcess extends AsyncDisposable {
  /** Where the page is. */
  readonly url: string;
  /** What it has printed so far. */
  readonly lines: readonly string[];
  /** The exit code, when it has ended by itself. */
  exitCode(): Promise<number | null>;
  /** As Ctrl-C does it by default. */
  stop(signal?: NodeJS.Signals): void;
}

/**
 * Resolves when the page is served.
 * @param seconds how long it runs at the most
 * @param options with `shell` it is the child of a shell, which gets the signals, as npm does it
 */
export async function startFleet(seconds: number, { shell = false } = {}): Promise<FleetProcess> {
  const demo = ['dist-examples/examples/demo/main.js', '--web', '--seconds', String(seconds)];
  const env = { ...process.env, npm_lifecycle_event: 'demo' };
  const child = spawn(process.execPath, demo, { shell, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  const lines: string[] = [];
  const complaints: string[] = [];
  createInterface(child.stderr).on('line', (line) => complaints.push(line));
  const output = createInterface(child.stdout).on('line', (line) => lines.push(line));
  await Promise.race([once(output, 'line'), ended]);
  const url = /http:\/\/\S+/.exec(lines[0] ?? '')?.[0];
  if (url === undefined) throw new Error(`The fleet did not start: ${[...lines, ...complaints].join('\n')}`);
  return {
    url,
    lines,
    exitCode: async () => {
      await ended;
      return child.exitCode;
    },
    stop: (signal = 'SIGINT') => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
