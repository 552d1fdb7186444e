import { fork, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PORTION, type RoundRequest, type SubscriberReport, type SubscriberSettings } from './protocol.js';
import type { Publisher } from './publisher.js';

const DEADLINE_MS = 30_000;

/** A subscriber in a process of its own, so that its CPU time is nobody else's. */
export class SubscriberProcess {
  readonly #child: ChildProcess;
  readonly #prefix: string;

  private constructor(child: ChildProcess, prefix: string) {
    this.#child = child;
    this.#prefix = prefix;
  }

  static async start(settings: SubscriberSettings): Promise<SubscriberProcess> {
    const program = fileURLToPath(new URL('subscriber.js', import.meta.url));
    const subscriber = new SubscriberProcess(fork(program, [JSON.stringify(settings)]), settings.prefix);
    for await (const { kind } of subscriber.#reports()) if (kind === 'ready') break;
    return subscriber;
  }

  /**
   * The CPU time of `messages` messages in microseconds, a multiple of the portion. The process stands still until a
   * portion has come in: otherwise it would read the messages one by one, two by two or ten by ten, as the load of the machine
   * would have it, and what a message costs depends on that more than on anything else.
   */
  async receive(messages: number, publisher: Publisher): Promise<number> {
    this.#child.send({ messages } satisfies RoundRequest);
    await this.#deliver(publisher);
    for await (const report of this.#reports()) {
      if (report.kind === 'done') return report.cpuMicroseconds;
      await this.#deliver(publisher);
    }
    throw new Error('unreachable: the reports do not end without an error');
  }

  async #deliver(publisher: Publisher): Promise<void> {
    this.#child.kill('SIGSTOP');
    await publisher.publish(this.#prefix, PORTION);
    this.#child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect(); // it ends by itself, so that NODE_OPTIONS=--cpu-prof writes its profile
    await exit;
  }

  async *#reports(): AsyncGenerator<SubscriberReport, void> {
    const options = { signal: AbortSignal.timeout(DEADLINE_MS), close: ['exit'] };
    for await (const [report] of on(this.#child, 'message', options)) yield report as SubscriberReport;
    throw new Error(`The subscriber of "${this.#prefix}" ended`);
  }
}
