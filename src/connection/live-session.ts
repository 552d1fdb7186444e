import type { LoggerService } from '@nestjs/common';
import { Deferred } from './deferred.js';
import type { Session } from './session.js';

interface SessionWatcher {
  /** Subscribes to what is wanted, and the like. */
  readonly begin: (session: Session) => Promise<void>;
  /** That is done. */
  readonly onReady: (session: Session) => void;
  /** It failed; whether that is the end of it. */
  readonly onFailed: (error: Error) => boolean;
}

const RETRY_MS = 5_000;

/** The session on the present connection, if there is one: begun with each connection, and lost with the connection. */
export class LiveSession {
  readonly #logger: LoggerService;
  readonly #watcher: SessionWatcher;
  #current: Session | undefined;
  /** Settled by each session in turn. */
  #ready = new Deferred<Session>();

  constructor(logger: LoggerService, watcher: SessionWatcher) {
    this.#logger = logger;
    this.#watcher = watcher;
  }

  get current(): Session | undefined {
    return this.#current;
  }

  get isReady(): boolean {
    return this.#current !== undefined && !this.#ready.pending;
  }

  /** The present session, once it is ready; while there is none, the next one. */
  get ready(): Promise<Session> {
    return this.#ready.promise;
  }

  /** Reports by itself. */
  start(session: Session): void {
    this.#current = session;
    void this.#run(session);
  }

  /** With the connection; whether there was one. */
  lose(): boolean {
    const lost = this.#current !== undefined;
    this.#current = undefined;
    if (!this.#ready.pending) this.#ready = new Deferred();
    return lost;
  }

  /** There will be none: who waits for it gets the error. */
  end(error: Error): void {
    this.#current = undefined;
    this.#ready.reject(error);
    this.#ready = new Deferred();
  }

  async #run(session: Session): Promise<void> {
    try {
      await this.#watcher.begin(session);
    } catch (error) {
      if (this.#current !== session) return; // the connection was lost: the next session starts over
      if (!this.#watcher.onFailed(error as Error)) this.#runAgain(session, error as Error);
      return;
    }
    if (this.#current !== session) return;
    this.#ready.resolve(session);
    this.#watcher.onReady(session);
  }

  /** What was granted once is refused, or not answered: it is asked for again on the same connection. */
  #runAgain(session: Session, { message }: Error): void {
    this.#logger.error(`${message}; trying again in ${RETRY_MS} ms`);
    setTimeout(() => {
      if (this.#current === session) void this.#run(session); // reports by itself
    }, RETRY_MS).unref();
  }
}
