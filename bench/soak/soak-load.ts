import { setTimeout as delay } from 'node:timers/promises';
import {
  type ClientMqtt,
  MqttRecord,
  MqttRecordBuilder,
  RemoteError,
  RequestTimeoutError,
} from 'nestjs-mqtt';
import { lastValueFrom, take, toArray, type Observable } from 'rxjs';
import type { Deed } from './protocol.js';
import type { Tally } from './tally.js';

const TOPICS = 10;
const TIMEOUT_MS = 1_000;
const UNANSWERED_MS = 50;
const CLOSE_EVERY_MS = 300;

/** What a client does to a service all day, in less time. */
export class SoakLoad {
  readonly #client: ClientMqtt;
  /** Is closed, and connects again. */
  readonly #guest: ClientMqtt;
  readonly #prefix: string;
  readonly #tally: Tally;
  #guests = 0;

  constructor(client: ClientMqtt, guest: ClientMqtt, prefix: string, tally: Tally) {
    this.#client = client;
    this.#guest = guest;
    this.#prefix = prefix;
    this.#tally = tally;
  }

  /** Resolves when all that was begun has ended. */
  async run(durationMs: number): Promise<void> {
    const until = performance.now() + durationMs;
    const repeat = async (pauseMs: number, act: (n: number) => Promise<void>) => {
      for (let n = 0; performance.now() < until; n++) {
        await act(n);
        await delay(pauseMs);
      }
    };
    await Promise.all([
      ...([0, 1, 2] as const).map((qos) => repeat(2, (n) => this.#emit(`down/${n % TOPICS}`, n, qos))),
      repeat(2, (n) => this.#request('sum', [n, 1], 'requests answered')),
      repeat(20, () => this.#request('broken', 1, 'requests failed')),
      repeat(20, () => this.#leaveUnanswered()),
      repeat(10, (n) => this.#cancel(n % 4)),
      repeat(50, () => this.#askAll()),
      repeat(CLOSE_EVERY_MS, () => this.#visit()),
    ]);
  }

  /** Resolves when the connection is there, and requests are answered. */
  async settle(): Promise<void> {
    for (;;) {
      try {
        await lastValueFrom(this.#client.send(this.#topic('sum'), [1]));
        return;
      } catch {
        // once more: each takes no longer than its deadline
      }
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #topic(name: string): string {
    return `${this.#prefix}/${name}`;
  }

  async #emit(name: string, data: unknown, qos: 0 | 1 | 2): Promise<void> {
    const emitted = this.#client.emit(this.#topic(name), new MqttRecord(data, { qos }));
    await this.#outcome(emitted, 'events published');
  }

  async #request(name: string, data: unknown, deed: Deed): Promise<void> {
    await this.#outcome(this.#client.send(this.#topic(name), data), deed);
  }

  async #leaveUnanswered(): Promise<void> {
    const record = new MqttRecordBuilder({}).setTimeoutMs(UNANSWERED_MS).build();
    await this.#outcome(this.#client.send(this.#topic('never'), record), 'requests timed out');
  }

  /** After some values, or before the first one. */
  async #cancel(after: number): Promise<void> {
    const ticks = this.#client.send(this.#topic('ticks'), {});
    if (after > 0) await this.#outcome(ticks.pipe(take(after)), 'streams cancelled');
    else {
      const subscription = ticks.subscribe({ error: () => undefined });
      await delay(1);
      subscription.unsubscribe();
      this.#tally.add('streams cancelled');
    }
  }

  async #askAll(): Promise<void> {
    const replies = this.#client.sendToMany(this.#topic('sum'), [1, 2], { max: 1, timeoutMs: TIMEOUT_MS });
    await this.#outcome(replies.pipe(toArray()), 'requests answered');
  }

  /** Subscribes to a topic for replies that it has not had before, and leaves. */
  async #visit(): Promise<void> {
    const record = new MqttRecordBuilder({}).setTimeoutMs(UNANSWERED_MS).build();
    await this.#outcome(this.#guest.send(this.#topic('sum'), [1]), 'requests answered');
    await this.#outcome(
      this.#guest.send(this.#topic(`guest/${this.#guests++}`), record),
      'requests timed out',
    );
    await this.#guest.close();
    this.#tally.add('clients closed');
  }

  /** What fails while there is no connection is not of interest here. */
  async #outcome(call: Observable<unknown>, deed: Deed): Promise<void> {
    try {
      await lastValueFrom(call, { defaultValue: undefined });
      this.#tally.add(deed);
    } catch (error) {
      if (isExpected(error, deed)) this.#tally.add(deed);
    }
  }
}

function isExpected(error: unknown, deed: Deed): boolean {
  if (deed === 'requests timed out') return error instanceof RequestTimeoutError;
  return deed === 'requests failed' && error instanceof RemoteError;
}
