import { BenchProcess } from '../support/bench-process.js';
import type { ServiceSettings } from '../services/service.js';
import type { BurstPublisher } from './burst-publisher.js';
import type { RoundRequest, SubscriberReport } from './protocol.js';

/** What a subscriber took for each message of a round. */
export interface Cost {
  readonly cpuMicroseconds: number;
  readonly microseconds: number;
}

/** A subscriber in a process of its own, so that its CPU time is nobody else's. */
export class SubscriberProcess {
  readonly #process: BenchProcess<SubscriberReport>;
  readonly #prefix: string;

  private constructor(settings: ServiceSettings) {
    this.#process = new BenchProcess(new URL('subscriber-program.js', import.meta.url), settings);
    this.#prefix = settings.prefix;
  }

  static async start(settings: ServiceSettings): Promise<SubscriberProcess> {
    const subscriber = new SubscriberProcess(settings);
    await subscriber.#process.report();
    return subscriber;
  }

  /**
   * The process stands still until a burst has come in: otherwise it would read the messages one by one, two by two or ten by
   * ten, as the load of the machine would have it, and what a message costs depends on that more than on anything else.
   */
  async receive(round: RoundRequest, publisher: BurstPublisher): Promise<Cost> {
    const messages = round.bursts * round.burst;
    let elapsedMs = 0;
    this.#process.send(round);
    await this.#process.report(); // it knows of the round before the messages come
    let resumedAt = await this.#deliver(round, publisher);
    for await (const report of this.#process.reports()) {
      elapsedMs += performance.now() - resumedAt;
      if (report.kind === 'done')
        return {
          cpuMicroseconds: report.cpuMicroseconds / messages,
          microseconds: (elapsedMs * 1000) / messages,
        };
      resumedAt = await this.#deliver(round, publisher);
    }
    throw new Error('unreachable: the reports do not end without an error');
  }

  /** When the subscriber could begin with the burst. */
  async #deliver({ burst, qos }: RoundRequest, publisher: BurstPublisher): Promise<number> {
    await this.#process.whilePaused(() => publisher.publish(this.#prefix, burst, qos));
    return performance.now();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
