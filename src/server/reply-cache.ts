import { LRUCache } from 'lru-cache';
import { ConfigurationError } from '../errors.js';
import type { Reply } from '../message/reply.js';
import type { DedupeOptions } from './handler-options.js';

/** What a handler has answered, so that a request that comes again is not run again. */
export class ReplyCache {
  readonly #running = new Set<string>();
  readonly #answered: LRUCache<string, readonly Reply[]>;

  /** @throws {ConfigurationError} */
  constructor({ ttlMs = 60_000, max = 1000 }: DedupeOptions) {
    if (!(Number.isInteger(ttlMs) && ttlMs >= 1))
      throw new ConfigurationError(`dedupe.ttlMs must be 1 or more, not ${String(ttlMs)}`);
    if (!(Number.isInteger(max) && max >= 1))
      throw new ConfigurationError(`dedupe.max must be 1 or more, not ${String(max)}`);
    this.#answered = new LRUCache({ ttl: ttlMs, maxSize: max, sizeCalculation: (replies) => replies.length });
  }

  /** The replies to a request that was answered before, or that it runs now. */
  find(key: string): readonly Reply[] | 'running' | undefined {
    return this.#running.has(key) ? 'running' : this.#answered.get(key);
  }

  start(key: string): void {
    this.#running.add(key);
  }

  /** @param replies `undefined` if it was not answered to the end, so that it may run again */
  end(key: string, replies: readonly Reply[] | undefined): void {
    this.#running.delete(key);
    if (replies !== undefined && replies.length > 0) this.#answered.set(key, replies);
  }
}
