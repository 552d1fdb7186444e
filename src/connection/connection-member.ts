import type { ConnectionUser } from './connection-users.js';
import { Deferred } from './deferred.js';
import type { Session } from './session.js';

/** A user of a connection, from its `open()` to its `close()`. */
export class ConnectionMember {
  readonly user: ConnectionUser;
  /** The one that the user was told of. */
  session: Session | undefined;
  readonly #waiting = new Set<Deferred<never>>();
  #departure: Error | undefined;

  constructor(user: ConnectionUser) {
    this.user = user;
  }

  /** @throws what it left with, if it did */
  checkPresence(): void {
    if (this.#departure !== undefined) throw this.#departure;
  }

  /**
   * Waits for something that may come after the user has left.
   * @throws what it left with
   */
  async whilePresent<T>(promise: Promise<T>): Promise<T> {
    this.checkPresence();
    const left = new Deferred<never>();
    this.#waiting.add(left);
    try {
      return await Promise.race([promise, left.promise]);
    } finally {
      this.#waiting.delete(left);
    }
  }

  leave(error: Error): void {
    this.#departure = error;
    for (const left of this.#waiting) left.reject(error);
  }
}
