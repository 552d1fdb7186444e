import type { Packet } from 'mqtt-packet';
import { RawClient } from '../support/raw-client.js';

/** Subscribes to all events, and counts them. */
export class Sink implements AsyncDisposable {
  #client!: RawClient;
  #expected = 0;
  #onReceived: (() => void) | undefined;
  #onSubscribed: (() => void) | undefined;

  static async connect(url: string, protocolVersion: 4 | 5, filter: string): Promise<Sink> {
    const sink = new Sink();
    sink.#client = await RawClient.connect(url, { protocolVersion, clientId: 'sink' }, (packets) =>
      sink.#take(packets),
    );
    const subscribed = new Promise<void>((resolve) => (sink.#onSubscribed = resolve));
    sink.#client.write([{ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos: 0 }] }]);
    await subscribed;
    return sink;
  }

  /** Resolves when so many events have come from now on. */
  receive(events: number): Promise<void> {
    this.#expected = events;
    return new Promise((resolve) => (this.#onReceived = resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  #take(packets: readonly Packet[]): void {
    if (packets.some(({ cmd }) => cmd === 'suback')) this.#onSubscribed?.();
    const events = packets.filter(({ cmd }) => cmd === 'publish').length;
    this.#expected -= events;
    if (events > 0 && this.#expected === 0) this.#onReceived?.();
  }
}
