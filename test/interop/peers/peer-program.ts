import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { until } from '../../support/until.js';

const DEADLINE_MS = 20_000;

/** A program that speaks MQTT by itself; the end of the fixture ends it. */
export class PeerProgram implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #errors = '';

  constructor(program: string, args: readonly string[]) {
    const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#closed = once(child, 'close'); // its output has been read
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(line));
    child.stderr.on('data', (text: Buffer) => (this.#errors += text.toString()));
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The n-th line that it prints, from 1. */
  async line(number: number): Promise<string> {
    return until(() => this.lines[number - 1] ?? this.#failIfEnded(), {
      deadlineMs: DEADLINE_MS,
      message: () => `line ${number} of a program; its errors:\n${this.#errors}`,
    });
  }

  /** Resolves with all lines when it has ended well. */
  async output(): Promise<readonly string[]> {
    await until(() => this.#closed.then(() => true), {
      deadlineMs: DEADLINE_MS,
      message: 'a program to end',
    });
    if (this.#child.exitCode !== 0) throw new Error(`It failed (${this.#child.exitCode}): ${this.#errors}`);
    return this.lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #failIfEnded(): undefined {
    if (this.#child.exitCode !== null) throw new Error(`It ended (${this.#child.exitCode}): ${this.#errors}`);
    return undefined;
  }
}
