import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { ConfigurationError } from '../errors.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { isFinal, type Reply } from '../message/reply.js';
import type { DedupeOptions } from './handler-options.js';

const TTL_MS = 60_000;
const MAX_REPLIES = 1000;

/** What a handler has answered, so that a request that comes again is not run again. */
export class ReplyCache {
  readonly #running = new Set<string>();
  readonly #answered: LRUCache<string, readonly Reply[]>;
  readonly #max: number;

  /** @throws {ConfigurationError} */
  constructor({ ttlMs = TTL_MS, max = MAX_REPLIES }: DedupeOptions) {
    checkPositive('ttlMs', ttlMs);
    checkPositive('max', max);
    this.#max = max;
    this.#answered = new LRUCache({ ttl: ttlMs, maxSize: max, sizeCalculation: (replies) => replies.length });
  }

  /**
   * The replies to a request that was answered before, `running` while it is, or where to note those to a new one, which
   * runs from now on.
   */
  begin(key: string): readonly Reply[] | 'running' | ReplyRecord {
    if (this.#running.has(key)) return 'running';
    const replies = this.#answered.get(key);
    if (replies !== undefined) return replies;
    this.#running.add(key);
    return new ReplyRecord(this.#max);
  }

  /** One that was not answered to its end may run again. */
  end(key: string, { replies }: ReplyRecord): void {
    this.#running.delete(key);
    if (replies !== undefined) this.#answered.set(key, replies);
  }
}

/** The replies to one request. */
export class ReplyRecord {
  readonly #max: number;
  readonly #replies: Reply[] = [];
  #complete = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** All of them, in their order; `undefined` if there are more to come, or too many. */
  get replies(): readonly Reply[] | undefined {
    return this.#complete && this.#replies.length <= this.#max ? this.#replies : undefined;
  }

  add(reply: Reply): void {
    if (this.#replies.length <= this.#max) this.#replies.push(reply); // one more than are kept says that there are too many
    this.#complete = isFinal(reply);
  }
}

/** A requester that counts its requests from 1 after each restart must not get the answers of its last life. */
export function repeatKey(requestKey: string, { topic, payload }: InboundMessage): string {
  return [requestKey, topic, createHash('sha256').update(payload).digest('base64')].join('\0');
}

function checkPositive(name: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1))
    throw new ConfigurationError(`dedupe.${name} must be 1 or more, not ${String(value)}`);
}
