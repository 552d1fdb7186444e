import type { OfflineOptions } from './outgoing-options.js';

/** A message that waits to be sent. */
export interface Waiting {
  /** QoS 1 or 2, which takes a place among the unacknowledged. */
  readonly confirmed: boolean;
  readonly bytes: number;
}

interface Link<T> {
  readonly entry: T;
  readonly number: number;
  next: Link<T> | undefined;
}

const DEFAULT_MAX_MESSAGES = 10_000;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** What waits to be sent, in the order in which it was published, up to a number of messages and bytes. */
export class WaitingLine<T extends Waiting> {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly #dropsOldest: boolean;
  readonly #confirmed = new Lane<T>();
  readonly #volatile = new Lane<T>();
  #entered = 0;
  #bytes = 0;

  constructor({ maxMessages, maxBytes, overflow }: OfflineOptions = {}) {
    this.maxMessages = maxMessages ?? DEFAULT_MAX_MESSAGES;
    this.maxBytes = maxBytes ?? DEFAULT_MAX_BYTES;
    this.#dropsOldest = overflow === 'drop-oldest';
  }

  get size(): number {
    return this.#confirmed.size + this.#volatile.size;
  }

  /** Gives back those for which there is no place: this one, or the oldest ones. */
  enter(entry: T): T[] {
    const fits = (size: number, bytes: number) =>
      size < this.maxMessages && bytes + entry.bytes <= this.maxBytes;
    if (!fits(0, 0) || (!this.#dropsOldest && !fits(this.size, this.#bytes))) return [entry];
    const dropped: T[] = [];
    while (!fits(this.size, this.#bytes)) dropped.push(this.take(true)!);
    this.restore(entry);
    return dropped;
  }

  /** Enters whatever the limits are. */
  restore(entry: T): void {
    this.#bytes += entry.bytes;
    (entry.confirmed ? this.#confirmed : this.#volatile).push(entry, this.#entered++);
  }

  /** The oldest one; QoS 0 passes those that must wait for an acknowledgement of others. */
  take(mayConfirm: boolean): T | undefined {
    const confirmed = mayConfirm ? this.#confirmed.first : undefined;
    const volatile = this.#volatile.first;
    const lane =
      confirmed === undefined || (volatile !== undefined && volatile.number < confirmed.number)
        ? this.#volatile
        : this.#confirmed;
    const entry = lane.shift();
    this.#bytes -= entry?.bytes ?? 0;
    return entry;
  }

  /** Takes all of them. */
  clear(): T[] {
    return Array.from({ length: this.size }, () => this.take(true)!);
  }
}

class Lane<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get first(): Link<T> | undefined {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  push(entry: T, number: number): void {
    const link: Link<T> = { entry, number, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#size++;
  }

  shift(): T | undefined {
    const link = this.#first;
    if (link === undefined) return undefined;
    this.#first = link.next;
    if (link.next === undefined) this.#last = undefined;
    this.#size--;
    return link.entry;
  }
}
