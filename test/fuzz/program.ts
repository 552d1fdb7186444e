import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const DEADLINE_MS = 20_000;

/** What a program says of itself, after a garbage collection. */
export interface Health {
  /** Of warnings and errors in its log: how often each was written. */
  readonly lines: Readonly<Record<string, number>>;
  readonly heapUsed: number;
  /** The keys that every object has got since the start. */
  readonly polluted: readonly string[];
}

/** One of the programs of this folder in a process of its own, which an error that nobody handles ends. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  #questions = 0;
  #errors = '';

  constructor(name: string, settings: object) {
    const path = fileURLToPath(new URL(name, import.meta.url));
    this.#child = fork(path, [JSON.stringify(settings)], { execArgv: ['--expose-gc'], silent: true });
    this.#child.setMaxListeners(0);
    this.#child.stderr!.on('data', (text) => (this.#errors += String(text)));
  }

  /** Fails if it does not run any more. */
  checkAlive(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    throw new Error(`The program ended (${exitCode ?? signalCode}): ${this.#errors}`);
  }

  health(): Promise<Health> {
    return this.ask<Health>('health');
  }

  /** Its answer to a question that it knows. */
  async ask<Answer>(question: string, details: object = {}): Promise<Answer> {
    this.checkAlive();
    const id = ++this.#questions;
    this.#child.send({ ...details, question, id });
    const signal = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const [answer] = (await once(this.#child, 'message', { signal })) as [{ id: number; answer: Answer }];
      if (answer.id === id) return answer.answer;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}
