import { setImmediate } from 'node:timers/promises';
import type { RoundReport, RoundRequest } from './protocol.js';
import type { Requester } from './requester.js';

/** How long nothing is answered before what is under way counts as lost: far longer than any reply takes. */
const SILENCE_MS = 400;
const WATCH_MS = 50;

/** Keeps so many requests under way, and measures those that are answered. */
export class Load {
  readonly #requester: Requester;
  readonly #topic: string;
  readonly #latenciesMs: number[] = [];
  #lost = 0;
  #answeredAt = performance.now();
  #silentMs = 0;
  #recovery: Promise<void> | undefined;

  constructor(requester: Requester, topic: string) {
    this.#requester = requester;
    this.#topic = topic;
  }

  async run({ concurrency, durationMs }: RoundRequest): Promise<RoundReport> {
    const start = performance.now();
    const usage = process.cpuUsage();
    const watch = setInterval(() => void this.#watch(), WATCH_MS); // one that rejects ends the process
    await Promise.all(Array.from({ length: concurrency }, () => this.#requestUntil(start + durationMs)));
    clearInterval(watch);
    const { user, system } = process.cpuUsage(usage);
    return this.#report(performance.now() - start - this.#silentMs, user + system);
  }

  /** One after the other. */
  async #requestUntil(end: number): Promise<void> {
    for (let now = performance.now(); now < end; now = performance.now()) {
      try {
        const { sum } = await this.#requester.request(this.#topic);
        this.#answeredAt = performance.now();
        this.#latenciesMs.push(this.#answeredAt - now);
        if (sum !== 3) throw new Error('The reply is not the sum');
      } catch (error) {
        if (this.#recovery === undefined) throw error;
        this.#lost++;
        await this.#recovery;
      }
    }
  }

  async #watch(): Promise<void> {
    await setImmediate(); // what has come in while this process did not run is read first
    const { recover } = this.#requester;
    if (recover === undefined || this.#recovery !== undefined) return;
    const silentSince = this.#answeredAt;
    if (performance.now() - silentSince < SILENCE_MS) return;
    await (this.#recovery = recover());
    this.#recovery = undefined;
    this.#answeredAt = performance.now();
    this.#silentMs += this.#answeredAt - silentSince;
  }

  #report(elapsedMs: number, cpuMicroseconds: number): RoundReport {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    return {
      answered: sorted.length,
      lost: this.#lost,
      requestsPerSecond: (sorted.length / elapsedMs) * 1000,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      cpuMicroseconds: cpuMicroseconds / sorted.length,
    };
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(sorted.length * share) - 1]!;
}
