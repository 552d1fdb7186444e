import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../support/until.js';

/** What a child writes to its journal, a line each: what happened, and to which message. */
export interface Entry {
  readonly what: string;
  readonly message: string;
}

/** Runs one of the programs of this folder, again and again, with one journal. */
export class Child implements AsyncDisposable {
  readonly #program: string;
  readonly #folder: string;
  readonly #settings: object;
  readonly #nodeOptions: readonly string[];
  #process: ChildProcess | undefined;

  constructor(program: string, folder: string, settings: object, nodeOptions: readonly string[]) {
    this.#program = fileURLToPath(new URL(program, import.meta.url));
    this.#folder = folder;
    this.#settings = settings;
    this.#nodeOptions = nodeOptions;
  }

  start(): void {
    const settings = JSON.stringify({ ...this.#settings, journal: this.#journal });
    const args = [...this.#nodeOptions, this.#program, settings];
    this.#process = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  /** Resolves with the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) return null;
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill(signal);
    await exited;
    return child.exitCode ?? child.signalCode;
  }

  journal(): Entry[] {
    if (!existsSync(this.#journal)) return [];
    const lines = readFileSync(this.#journal, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => ({
      what: line.slice(0, line.indexOf(' ')),
      message: line.slice(line.indexOf(' ') + 1),
    }));
  }

  /** The messages of the entries that say `what`. */
  messages(what: string): string[] {
    return this.journal().flatMap((entry) => (entry.what === what ? [entry.message] : []));
  }

  /** Resolves when the program has said `what` for the n-th time. */
  async said(what: string, times = 1): Promise<void> {
    await until(() => this.messages(what).length >= times, {
      deadlineMs: 20_000,
      message: `the child's "${what}"`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #journal(): string {
    return join(this.#folder, 'journal');
  }
}

/** @param program a file of this folder, which is given the settings and the path of its journal as JSON */
export async function createChild(
  program: string,
  settings: object,
  ...nodeOptions: string[]
): Promise<Child> {
  return new Child(program, await mkdtemp(join(tmpdir(), 'chaos-')), settings, nodeOptions);
}
