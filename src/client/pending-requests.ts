import type { Reply } from '../message/reply.js';

/** What waits for replies. */
export interface PendingRequest {
  /** 0 for ever. */
  readonly timeoutMs: number;
  /** Several responders may answer: the time is for all of them, and whoever still works at the end does so in vain. */
  readonly many: boolean;
  /** Asked once for each reply: whether it is the last one to wait for. */
  endsWith(reply: Reply): boolean;
  take(reply: Reply, isLast: boolean, responder: string | undefined): void;
  fail(error: unknown): void;
  /** No reply has come for `timeoutMs`. */
  expire(): void;
}

interface Entry {
  readonly request: PendingRequest;
  timer: NodeJS.Timeout | undefined;
  sent: boolean;
}

/** What a timer of Node's can wait: 24 days. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The requests that wait for a reply, by their id. */
export class PendingRequests {
  readonly #entries = new Map<string, Entry>();
  readonly #onEndWithout: (id: string) => void;

  /** @param onEndWithout called when a request that was sent has ended, and somebody may still work on it */
  constructor(onEndWithout: (id: string) => void) {
    this.#onEndWithout = onEndWithout;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The clock of a request starts here, and again with each reply. */
  add(id: string, request: PendingRequest): void {
    const entry: Entry = { request, timer: undefined, sent: false };
    if (request.timeoutMs > 0 && request.timeoutMs !== Infinity)
      entry.timer = setTimeout(this.#expire, Math.min(request.timeoutMs, MAX_DELAY_MS), id);
    this.#entries.set(id, entry);
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** It is about to be sent; `false` if it has ended before. */
  markSent(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    entry.sent = true;
    return true;
  }

  /** Nobody waits for it any more. */
  abandon(id: string): void {
    if (this.#end(id)?.sent) this.#onEndWithout(id);
  }

  /** Tells of all that were sent, without ending them. */
  abandonAll(): void {
    for (const [id, { sent }] of this.#entries) if (sent) this.#onEndWithout(id);
  }

  /** Hands a reply to its request, which a last one ends. Replies to a request that has ended are dropped. */
  deliver(id: string, reply: Reply, responder?: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const { request } = entry;
    const isLast = request.endsWith(reply);
    if (!isLast && !request.many) entry.timer?.refresh();
    if (isLast) this.#end(id);
    try {
      request.take(reply, isLast, responder);
    } catch (error) {
      this.#end(id);
      failSafely(request, error); // a `serializeResponse` that throws
    }
    if (isLast && request.many) this.#onEndWithout(id);
  }

  fail(id: string, error: unknown): void {
    this.#end(id)?.request.fail(error);
  }

  /** @param which those that were sent, or all */
  failAll(error: unknown, which: 'sent' | 'all' = 'all'): void {
    const entries = [...this.#entries].filter(([, { sent }]) => sent || which === 'all'); // not those that a callback adds
    for (const [id, { request }] of entries) if (this.#end(id) !== undefined) failSafely(request, error);
  }

  readonly #expire = (id: string): void => {
    const entry = this.#end(id);
    if (entry?.sent) this.#onEndWithout(id);
    entry?.request.expire();
  };

  #end(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    clearTimeout(entry.timer);
    this.#entries.delete(id);
    return entry;
  }
}

/** A `serializeError` that throws has no way left to tell its caller; other requests must not suffer. */
function failSafely(request: PendingRequest, error: unknown): void {
  try {
    request.fail(error);
  } catch {
    // nobody is left to tell
  }
}
