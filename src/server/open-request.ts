import type { QoS } from 'mqtt-packet';
import { MAX_DELAY_MS } from '../connection/max-delay.js';
import { RequestTimeoutError } from '../errors.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { Reply } from '../message/reply.js';
import type { ReplyRecord } from './reply-cache.js';
import type { Answer } from './responder.js';

/** Why a request is not answered any further: its requester has gone, was told that this service goes, or is left to the next one. */
export type StopReason = 'cancelled' | 'closed' | 'left';

interface OpenRequestSettings {
  readonly message: InboundMessage;
  /** `undefined` if nothing tells it from others. */
  readonly key: string | undefined;
  /** From now on, until the first reply; `undefined` for ever. */
  readonly timeoutMs: number | undefined;
  readonly answer: Answer;
}

/** A request from its arrival to its last reply. */
export class OpenRequest {
  readonly #settings: OpenRequestSettings;
  readonly #expiresAt: number;
  #record: ReplyRecord | undefined;
  #begun = false;
  #stopped: StopReason | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onStop: (() => void) | undefined;

  constructor(settings: OpenRequestSettings) {
    this.#settings = settings;
    this.#expiresAt = performance.now() + (settings.timeoutMs ?? Infinity);
  }

  get qos(): QoS {
    return this.#settings.message.packet.qos;
  }

  get key(): string | undefined {
    return this.#settings.key;
  }

  /** Whether there is a reply. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether its time is up without a reply. One that comes now may still find somebody. */
  get expired(): boolean {
    return !this.#begun && performance.now() >= this.#expiresAt;
  }

  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Aborts when the request expires or is stopped. */
  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    this.#controller = new AbortController();
    if (this.#stopped !== undefined) this.#controller.abort();
    else if (!this.#begun && this.#expiresAt !== Infinity) this.#startTimer();
    return this.#controller.signal;
  }

  /** Notes all that is answered from now on, whether it finds anybody or not. */
  recordTo(record: ReplyRecord): void {
    this.#record = record;
  }

  /** Publishes a reply, unless the request is stopped. One that nobody is subscribed to stops it. */
  async answer(reply: Reply): Promise<void> {
    this.#record?.add(reply);
    if (this.#stopped !== undefined) return;
    this.#begun = true;
    clearTimeout(this.#timer); // the requester's clock starts again with each reply: it cancels by itself
    if (!(await this.#settings.answer(reply))) this.stop('cancelled');
  }

  /** @param listener called when it is stopped; the next one takes its place */
  onStop(listener: () => void): void {
    this.#onStop = listener;
    if (this.#stopped !== undefined) listener();
  }

  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#controller?.abort();
    this.#onStop?.();
  }

  /** Stops it with a last reply. */
  async close(reply: Reply): Promise<void> {
    if (this.#stopped !== undefined) return;
    this.stop('closed');
    await this.#settings.answer(reply);
  }

  /** Nothing more is to come. */
  end(): void {
    clearTimeout(this.#timer);
    this.#onStop = undefined;
  }

  #startTimer(): void {
    const {
      message: { topic },
      timeoutMs = 0,
    } = this.#settings;
    const expire = (): void => this.#controller?.abort(new RequestTimeoutError(topic, timeoutMs));
    this.#timer = setTimeout(expire, Math.min(this.#expiresAt - performance.now(), MAX_DELAY_MS)).unref();
  }
}
