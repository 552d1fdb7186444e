import { BenchProcess } from '../support/bench-process.js';
import type { PairSettings, RoundReport, RoundRequest, UsageReport } from './protocol.js';

/** A responder and a requester, each in a process of its own. */
export class RequestPair {
  readonly #responder: BenchProcess<UsageReport>;
  readonly #requester: BenchProcess<RoundReport>;

  private constructor(responder: BenchProcess<UsageReport>, requester: BenchProcess<RoundReport>) {
    this.#responder = responder;
    this.#requester = requester;
  }

  static async start(settings: PairSettings): Promise<RequestPair> {
    const responder = new BenchProcess<UsageReport>(
      new URL('responder-program.js', import.meta.url),
      settings,
    );
    await responder.report();
    const requester = new BenchProcess<RoundReport>(
      new URL('requester-program.js', import.meta.url),
      settings,
    );
    await requester.report();
    return new RequestPair(responder, requester);
  }

  /** The CPU time is that of both. */
  async makeRequests(round: RoundRequest): Promise<RoundReport> {
    const before = await this.#responderUsage();
    this.#requester.send(round);
    const report = await this.#requester.report();
    const responding = (await this.#responderUsage()) - before;
    return { ...report, cpuMicroseconds: report.cpuMicroseconds + responding / report.answered };
  }

  async #responderUsage(): Promise<number> {
    this.#responder.send({});
    return (await this.#responder.report()).cpuMicroseconds;
  }

  async stop(): Promise<void> {
    await this.#requester.stop();
    await this.#responder.stop();
  }
}
