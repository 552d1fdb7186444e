import { MAX_DELAY_MS } from '../connection/max-delay.js';
import type { Reply } from '../message/reply.js';
import type { PendingRequest } from './pending-request.js';

/** Requests that wait equally long, in the order in which they expire: one timer is enough for all of them. */
interface Group {
  readonly requests: Map<string, PendingRequest>;
  timer: NodeJS.Timeout | undefined;
}

/** The requests that wait for a reply, by their id. */
export class PendingRequests {
  readonly #groups = new Map<number, Group>();
  readonly #onWorkInVain: (id: string) => void;

  /** @param onWorkInVain called when a request that was sent has ended, and somebody may still work on it */
  constructor(onWorkInVain: (id: string) => void) {
    this.#onWorkInVain = onWorkInVain;
  }

  get size(): number {
    return [...this.#groups.values()].reduce((size, { requests }) => size + requests.size, 0);
  }

  /** The clock of a request starts here, and again with each reply. */
  add(request: PendingRequest): void {
    request.onAbandoned = this.#abandon;
    const { timeoutMs } = request;
    const group = this.#groups.get(timeoutMs) ?? this.#createGroup(timeoutMs);
    request.expiresAt = now() + timeoutMs;
    group.requests.set(request.id, request);
    if (group.timer === undefined && isLimited(timeoutMs)) this.#startTimer(timeoutMs, group);
  }

  has(id: string): boolean {
    return this.#get(id) !== undefined;
  }

  /** Those that responders may know of. */
  sentIds(): string[] {
    return this.#all().flatMap(({ id, sent }) => (sent ? [id] : []));
  }

  /** Hands a reply to its request, which a last one ends. Replies to a request that has ended are dropped. */
  deliver(id: string, reply: Reply, responder?: string): void {
    const request = this.#get(id);
    if (request === undefined) return;
    const isLast = request.endsWith(reply, responder);
    if (isLast) this.#end(request);
    else if (!request.many) this.#restart(request);
    try {
      request.runInAsyncScope(() => request.take(reply, isLast, responder));
    } catch (error) {
      this.#end(request);
      failSafely(request, error); // a `serializeResponse` that throws
      if (!isLast) this.#onWorkInVain(id);
    }
    if (isLast && request.many) this.#onWorkInVain(id);
  }

  fail(id: string, error: unknown): void {
    const request = this.#get(id);
    if (request !== undefined && this.#end(request)) failSafely(request, error);
  }

  failAll(error: unknown): void {
    for (const request of this.#all()) if (this.#end(request)) failSafely(request, error); // not those that a callback adds
  }

  /** Of those that were sent, nobody will hear the replies. */
  failSent(error: unknown): void {
    for (const request of this.#all()) {
      if (!request.sent || !this.#end(request)) continue;
      this.#onWorkInVain(request.id);
      failSafely(request, error);
    }
  }

  #all(): PendingRequest[] {
    return [...this.#groups.values()].flatMap(({ requests }) => [...requests.values()]);
  }

  /** There is hardly ever more than one group. */
  #get(id: string): PendingRequest | undefined {
    for (const { requests } of this.#groups.values()) {
      const request = requests.get(id);
      if (request !== undefined) return request;
    }
    return undefined;
  }

  readonly #abandon = (id: string): void => {
    const request = this.#get(id);
    if (request === undefined || !this.#end(request)) return;
    request.trace?.end('unsubscribed');
    if (request.sent) this.#onWorkInVain(id);
  };

  #createGroup(timeoutMs: number): Group {
    const group: Group = { requests: new Map(), timer: undefined };
    this.#groups.set(timeoutMs, group);
    return group;
  }

  #restart(request: PendingRequest): void {
    request.expiresAt = now() + request.timeoutMs;
    const { requests } = this.#groups.get(request.timeoutMs)!;
    requests.delete(request.id);
    requests.set(request.id, request);
  }

  #startTimer(timeoutMs: number, group: Group): void {
    const [next] = group.requests.values();
    const delayMs = Math.min(Math.max(next!.expiresAt - now(), 1), MAX_DELAY_MS);
    group.timer = setTimeout(() => this.#expire(timeoutMs, group), delayMs);
  }

  #expire(timeoutMs: number, group: Group): void {
    const time = now();
    group.timer = undefined;
    for (const request of group.requests.values()) {
      if (request.expiresAt > time) break;
      if (!this.#end(request)) continue;
      if (request.sent) this.#onWorkInVain(request.id);
      safely(() => request.runInAsyncScope(() => request.expire()));
    }
    if (group.requests.size > 0 && group.timer === undefined) this.#startTimer(timeoutMs, group);
  }

  /** Whether it was pending. */
  #end({ id, timeoutMs }: PendingRequest): boolean {
    const group = this.#groups.get(timeoutMs);
    if (group?.requests.delete(id) !== true) return false;
    if (group.requests.size === 0) {
      clearTimeout(group.timer);
      this.#groups.delete(timeoutMs);
    }
    return true;
  }
}

/** Whole milliseconds: a number that takes no memory of its own. */
function now(): number {
  return Math.ceil(performance.now());
}

function isLimited(timeoutMs: number): boolean {
  return timeoutMs > 0 && timeoutMs !== Infinity;
}

function failSafely(request: PendingRequest, error: unknown): void {
  safely(() => request.runInAsyncScope(() => request.fail(error)));
}

/** A `serializeError` that throws has no way left to tell its caller; other requests must not suffer. */
function safely(tell: () => void): void {
  try {
    tell();
  } catch {
    // nobody is left to tell
  }
}
