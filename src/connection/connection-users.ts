import type { Session } from './session.js';

/** Who shares a connection. */
export interface ConnectionUser {
  /** Each session, before it is subscribed in; the first one before `open()` resolves. */
  onSession?(session: Session): void;
  /** The connection is lost, and will be made again. */
  onLost?(error: Error): void;
  /** The connection is closed for good, or this user has closed it for itself. */
  onClosed?(error: Error): void;
}

/** Those who have opened a connection and not closed it. */
export class ConnectionUsers {
  /** With the session that each was told of. */
  readonly #sessions = new Map<ConnectionUser, Session | undefined>();

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether it knows of a session. */
  has(user: ConnectionUser): boolean {
    return this.#sessions.get(user) !== undefined;
  }

  add(user: ConnectionUser): void {
    if (!this.#sessions.has(user)) this.#sessions.set(user, undefined);
  }

  /** Whether others are left, or it was none of them: then there is a reason to keep the connection. */
  leave(user: ConnectionUser, error: Error): boolean {
    if (this.size === 0) return false;
    if (!this.#sessions.has(user)) return true;
    if (this.size === 1) return false;
    this.#sessions.delete(user);
    user.onClosed?.(error);
    return true;
  }

  /** Tells a user of a session, once. */
  introduce(user: ConnectionUser, session: Session): void {
    if (this.#sessions.get(user) === session) return;
    this.#sessions.set(user, session);
    user.onSession?.(session);
  }

  introduceAll(session: Session): void {
    for (const user of this.#sessions.keys()) this.introduce(user, session);
  }

  tellOfLoss(error: Error): void {
    for (const user of this.#sessions.keys()) user.onLost?.(error);
  }

  /** The connection is closed for all. */
  clear(error: Error): void {
    const users = [...this.#sessions.keys()];
    this.#sessions.clear();
    for (const user of users) user.onClosed?.(error);
  }
}
