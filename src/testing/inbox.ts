import { covers } from './covers.js';

/** How long to wait for a message. */
export interface WaitOptions {
  /** How long to wait, in milliseconds, from the call. Default 2000. */
  readonly timeoutMs?: number;
}

interface Waiting<T> {
  readonly accepts: (message: T) => boolean;
  readonly settle: (outcome: Outcome<T>) => void;
}

type Outcome<T> = { readonly message: T } | { readonly error: unknown } | undefined;

const DEFAULT_TIMEOUT_MS = 2000;
const SHOWN = 20;

/** What came, in order, and who waits for it: each message is given to one of them. */
export class Inbox<T extends { readonly topic: string }> {
  readonly #messages: T[] = [];
  readonly #taken = new Set<T>();
  readonly #waiting = new Set<Waiting<T>>();
  readonly #describe: (message: T) => string;

  /** @param describe a line of the message that tells what came instead */
  constructor(describe: (message: T) => string) {
    this.#describe = describe;
  }

  get messages(): readonly T[] {
    return this.#messages;
  }

  add(message: T): void {
    this.#messages.push(message);
    for (const waiting of this.#waiting) if (this.#offer(message, waiting)) return;
  }

  /**
   * The oldest message that nobody was given, past or to come, whose topic `filter` matches and that `predicate` accepts.
   * @param what begins the message of the error after `timeoutMs`
   */
  async next(
    filter: string,
    predicate: (message: T) => boolean,
    { timeoutMs = DEFAULT_TIMEOUT_MS }: WaitOptions,
    what: string,
  ): Promise<T> {
    const accepts = (message: T): boolean => covers(filter, message.topic) && predicate(message);
    const known = this.#messages.find((message) => !this.#taken.has(message) && accepts(message));
    if (known !== undefined) return this.#take(known);
    const outcome = await this.#arrival(accepts, timeoutMs);
    if (outcome === undefined)
      throw new Error(`${what} "${filter}" within ${timeoutMs} ms. ${this.#list(filter)}`); // here for its stack
    if ('error' in outcome) throw outcome.error as Error;
    return outcome.message;
  }

  /** Whoever still waits is told why it is in vain. */
  close(reason: string): void {
    for (const { settle } of this.#waiting) settle({ error: new Error(reason) });
  }

  #arrival(accepts: (message: T) => boolean, timeoutMs: number): Promise<Outcome<T>> {
    return new Promise((resolve) => {
      const settle = (outcome: Outcome<T>): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        resolve(outcome);
      };
      const waiting = { accepts, settle };
      const timer = setTimeout(settle, timeoutMs, undefined);
      this.#waiting.add(waiting);
    });
  }

  #offer(message: T, { accepts, settle }: Waiting<T>): boolean {
    try {
      if (!accepts(message)) return false;
      settle({ message: this.#take(message) });
      return true;
    } catch (error) {
      settle({ error });
      return false;
    }
  }

  #take(message: T): T {
    this.#taken.add(message);
    return message;
  }

  #list(filter: string): string {
    if (this.#messages.length === 0) return 'Nothing came at all.';
    const left = this.#messages.length - SHOWN;
    const lines = this.#messages.slice(-SHOWN).map((message) => `  ${this.#line(message, filter)}`);
    return ['What came:', ...(left > 0 ? [`  (${left} more)`] : []), ...lines].join('\n');
  }

  #line(message: T, filter: string): string {
    const line = this.#describe(message);
    if (this.#taken.has(message)) return `${line} (waited for before)`;
    return covers(filter, message.topic) ? `${line} (not accepted by the predicate)` : line;
  }
}
