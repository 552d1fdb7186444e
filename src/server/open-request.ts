import { RequestTimeoutError } from '../errors.js';
import type { Reply } from '../message/reply.js';
import type { Answer } from './responder.js';

/** Why a request is not answered any further: its time is up, its requester has gone, or this service goes. */
export type StopReason = 'expired' | 'cancelled' | 'closing';

interface OpenRequestSettings {
  readonly topic: string;
  /** `undefined` if nothing tells it from others. */
  readonly key: string | undefined;
  /** From now on, until the first reply; `undefined` for ever. */
  readonly timeoutMs: number | undefined;
  readonly answer: Answer;
}

/** What a timer of Node's can wait: 24 days. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** A request from its arrival to its last reply. */
export class OpenRequest {
  readonly #settings: OpenRequestSettings;
  readonly #expiresAt: number;
  #record: Reply[] | undefined;
  #begun = false;
  #stopped: StopReason | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onStop: (() => void) | undefined;

  constructor(settings: OpenRequestSettings) {
    this.#settings = settings;
    this.#expiresAt = performance.now() + (settings.timeoutMs ?? Infinity);
  }

  get key(): string | undefined {
    return this.#settings.key;
  }

  /** From now on, the replies in their order. */
  record(): readonly Reply[] {
    return (this.#record ??= []);
  }

  /** Whether there is a reply. */
  get begun(): boolean {
    return this.#begun;
  }

  get stopped(): StopReason | undefined {
    if (this.#stopped === undefined && !this.#begun && performance.now() >= this.#expiresAt)
      this.stop('expired');
    return this.#stopped;
  }

  /** Aborts when the request is stopped. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.stopped === undefined) this.#startTimer();
      else this.#abort();
    }
    return this.#controller.signal;
  }

  /** Publishes a reply, unless the request is stopped. One that nobody is subscribed to stops it. */
  async answer(reply: Reply): Promise<void> {
    if (this.stopped !== undefined) return;
    this.#begun = true;
    this.#record?.push(reply);
    clearTimeout(this.#timer); // the requester's clock starts again with each reply: it cancels by itself
    if (!(await this.#settings.answer(reply))) this.stop('cancelled');
  }

  /** @param listener called when it is stopped; the next one takes its place */
  onStop(listener: () => void): void {
    this.#onStop = listener;
    if (this.stopped === undefined) this.#startTimer();
    else listener();
  }

  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    clearTimeout(this.#timer);
    this.#abort();
    this.#onStop?.();
  }

  /** Nothing more is to come. */
  end(): void {
    clearTimeout(this.#timer);
    this.#onStop = undefined;
  }

  #startTimer(): void {
    if (this.#timer !== undefined || this.#begun || this.#expiresAt === Infinity) return;
    const delayMs = Math.min(this.#expiresAt - performance.now(), MAX_DELAY_MS);
    this.#timer = setTimeout(() => this.stop('expired'), delayMs).unref();
  }

  #abort(): void {
    const { topic, timeoutMs = 0 } = this.#settings;
    this.#controller?.abort(
      this.#stopped === 'expired' ? new RequestTimeoutError(topic, timeoutMs) : undefined,
    );
  }
}
