import { ConnectionMember } from './connection-member.js';
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

/** Those who have opened a connection, or are about to, and not closed it. */
export class ConnectionUsers {
  readonly #members = new Map<ConnectionUser, ConnectionMember>();

  /** Whether it knows of a session. */
  has(user: ConnectionUser): boolean {
    return this.#members.get(user)?.session !== undefined;
  }

  find(user: ConnectionUser): ConnectionMember | undefined {
    return this.#members.get(user);
  }

  add(user: ConnectionUser): ConnectionMember {
    const member = this.#members.get(user) ?? new ConnectionMember(user);
    this.#members.set(user, member);
    return member;
  }

  /** There is no connection for it: as if it had not come. */
  discard(member: ConnectionMember): void {
    const { user } = member;
    if (this.#members.get(user) === member && !this.has(user)) this.#members.delete(user);
  }

  /** Whether others are left, or it was none of them: then there is a reason to keep the connection. */
  leave(user: ConnectionUser, error: Error): boolean {
    const member = this.#members.get(user);
    if (member === undefined) return this.#members.size > 0;
    if (this.#members.size === 1) return false;
    this.#dismiss([member], error);
    return true;
  }

  /** Tells a user of a session, once. */
  introduce(member: ConnectionMember, session: Session): void {
    if (member.session === session) return;
    member.session = session;
    member.user.onSession?.(session);
  }

  introduceAll(session: Session): void {
    for (const member of this.#members.values()) this.introduce(member, session);
  }

  tellOfLoss(error: Error): void {
    for (const user of this.#members.keys()) user.onLost?.(error);
  }

  /** The connection is closed for all. */
  clear(error: Error): void {
    this.#dismiss([...this.#members.values()], error);
  }

  #dismiss(members: readonly ConnectionMember[], error: Error): void {
    for (const { user } of members) this.#members.delete(user);
    for (const member of members) {
      member.leave(error);
      member.user.onClosed?.(error);
    }
  }
}
