import { BenchProcess } from '../support/bench-process.js';
import { PORTION, type RoundRequest, type SubscriberReport, type SubscriberSettings } from './protocol.js';
import type { Publisher } from './publisher.js';

/** A subscriber in a process of its own, so that its CPU time is nobody else's. */
export class SubscriberProcess {
  readonly #process: BenchProcess<SubscriberReport>;
  readonly #prefix: string;

  private constructor(settings: SubscriberSettings) {
    this.#process = new BenchProcess(new URL('subscriber.js', import.meta.url), settings);
    this.#prefix = settings.prefix;
  }

  static async start(settings: SubscriberSettings): Promise<SubscriberProcess> {
    const subscriber = new SubscriberProcess(settings);
    await subscriber.#process.report();
    return subscriber;
  }

  /**
   * The CPU time of `messages` messages in microseconds, a multiple of the portion. The process stands still until a
   * portion has come in: otherwise it would read the messages one by one, two by two or ten by ten, as the load of the machine
   * would have it, and what a message costs depends on that more than on anything else.
   */
  async receive(messages: number, publisher: Publisher): Promise<number> {
    this.#process.send({ messages } satisfies RoundRequest);
    await this.#deliver(publisher);
    for await (const report of this.#process.reports()) {
      if (report.kind === 'done') return report.cpuMicroseconds;
      await this.#deliver(publisher);
    }
    throw new Error('unreachable: the reports do not end without an error');
  }

  async #deliver(publisher: Publisher): Promise<void> {
    this.#process.pause();
    await publisher.publish(this.#prefix, PORTION);
    this.#process.resume();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
