import { BenchProcess } from '../support/bench-process.js';
import type { EventCost } from '../support/event-results.js';
import type { BurstRequest, PublisherReport, PublisherSettings } from './protocol.js';
import type { Sink } from './sink.js';

/** A publisher in a process of its own, so that its CPU time is nobody else's. */
export class PublisherProcess {
  readonly #process: BenchProcess<PublisherReport>;

  private constructor(settings: PublisherSettings) {
    this.#process = new BenchProcess(new URL('publisher-program.js', import.meta.url), settings);
  }

  static async start(settings: PublisherSettings): Promise<PublisherProcess> {
    const publisher = new PublisherProcess(settings);
    await publisher.#process.report();
    return publisher;
  }

  /** What an event took. The next burst comes when the subscriber has all of the one before. */
  async publish(bursts: number, request: BurstRequest, sink: Sink): Promise<EventCost> {
    const total = { cpuMicroseconds: 0, microseconds: 0 };
    for (let burst = 0; burst < bursts; burst++) {
      const { cpuMicroseconds, microseconds } = await this.#publishBurst(request, sink);
      total.cpuMicroseconds += cpuMicroseconds;
      total.microseconds += microseconds;
    }
    const events = bursts * request.burst;
    return {
      cpuMicroseconds: total.cpuMicroseconds / events,
      microseconds: total.microseconds / events,
    };
  }

  /**
   * With QoS 1 the process stands still until the broker has answered for all: how many acknowledgements it reads at once would
   * be chance. (With QoS 2 the broker waits for the process, too.)
   */
  async #publishBurst(request: BurstRequest, sink: Sink): Promise<EventCost> {
    const received = sink.receive(request.burst);
    this.#process.send(request);
    for await (const report of this.#process.reports()) {
      if (report.kind === 'done') {
        await received;
        return report;
      }
      if (request.qos === 1) await this.#process.whilePaused(() => received);
    }
    throw new Error('unreachable: the reports do not end without an error');
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
