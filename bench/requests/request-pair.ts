import { BenchProcess } from '../support/bench-process.js';
import type { PairSettings, RoundReport, RoundRequest } from './protocol.js';

/** A responder and a requester, each in a process of its own. */
export class RequestPair {
  readonly #responder: BenchProcess<'ready'>;
  readonly #requester: BenchProcess<RoundReport>;

  private constructor(responder: BenchProcess<'ready'>, requester: BenchProcess<RoundReport>) {
    this.#responder = responder;
    this.#requester = requester;
  }

  static async start(settings: PairSettings): Promise<RequestPair> {
    const responder = new BenchProcess<'ready'>(new URL('responder-program.js', import.meta.url), settings);
    await responder.report();
    const requester = new BenchProcess<RoundReport>(
      new URL('requester-program.js', import.meta.url),
      settings,
    );
    await requester.report();
    return new RequestPair(responder, requester);
  }

  async makeRequests(round: RoundRequest): Promise<RoundReport> {
    this.#requester.send(round);
    return this.#requester.report();
  }

  async stop(): Promise<void> {
    await this.#requester.stop();
    await this.#responder.stop();
  }
}
