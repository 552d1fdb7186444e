import { fork, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEADLINE_MS = 60_000;

/** A child process that reports to this one, and ends by itself when it is disconnected. */
export class BenchProcess<Report> {
  readonly #child: ChildProcess;
  readonly #name: string;

  /** @param settings the program's only argument, as JSON */
  constructor(program: URL, settings: unknown, execArgv: readonly string[] = []) {
    this.#name = basename(program.pathname);
    this.#child = fork(fileURLToPath(program), [JSON.stringify(settings)], {
      execArgv: [...process.execArgv, ...execArgv],
    });
  }

  /** What it reports from now on; an error when it has ended, or 60 s from now. */
  async *reports(): AsyncGenerator<Report, never> {
    const options = { signal: AbortSignal.timeout(DEADLINE_MS), close: ['exit'] };
    try {
      if (!this.#hasEnded) {
        for await (const [report] of on(this.#child, 'message', options)) yield report as Report;
      }
    } catch (cause) {
      throw new Error(`${this.#name} is not done within ${DEADLINE_MS} ms`, { cause });
    }
    throw new Error(`${this.#name} ended`);
  }

  /** Its next report. */
  async report(): Promise<Report> {
    for await (const report of this.reports()) return report;
    throw new Error('unreachable: the reports do not end without an error');
  }

  send(message: object): void {
    this.#child.send(message);
  }

  /** Lets it stand still until `wait` has ended. */
  async whilePaused(wait: () => Promise<void>): Promise<void> {
    this.#child.kill('SIGSTOP');
    await wait();
    this.#child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect(); // it ends by itself, so that `node --cpu-prof dist-examples/bench/main.js` gets its profile
    await exit;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
