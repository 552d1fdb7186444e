import type { WritePacket } from '@nestjs/microservices';
import { RemoteError } from '../errors.js';
import type { Reply } from '../message/reply.js';

type Callback = (packet: WritePacket) => void;

/** The requests that wait for a reply, by their id. */
export class PendingRequests {
  readonly #callbacks = new Map<string, Callback>();

  add(id: string, callback: Callback): void {
    this.#callbacks.set(id, callback);
  }

  has(id: string): boolean {
    return this.#callbacks.has(id);
  }

  delete(id: string): void {
    this.#callbacks.delete(id);
  }

  /** Hands a reply to its request, which a last one ends. Replies to a request that has ended are dropped. */
  deliver(id: string, reply: Reply): void {
    const callback = this.#callbacks.get(id);
    if (callback === undefined) return;
    if (reply.kind !== 'value' || reply.last) this.#callbacks.delete(id);
    try {
      for (const packet of toWritePackets(reply)) callback(packet);
    } catch (error) {
      this.#callbacks.delete(id);
      callback({ err: error, isDisposed: true }); // a `serializeResponse` that throws fails its request
    }
  }

  fail(id: string, error: unknown): void {
    this.deliver(id, { kind: 'error', error });
  }

  failAll(error: unknown): void {
    const ids = [...this.#callbacks.keys()]; // not those that a callback adds
    for (const id of ids) {
      try {
        this.fail(id, error);
      } catch {
        // a `serializeError` that throws has no way left to tell its caller; the others must hear of it
      }
    }
  }
}

/** Nest takes a last packet without a value for the end alone. */
function toWritePackets(reply: Reply): WritePacket[] {
  if (reply.kind === 'error') return [{ err: truthyError(reply.error), isDisposed: true }];
  if (reply.kind === 'end') return [{ isDisposed: true }];
  if (!reply.last) return [{ response: reply.value }];
  if (reply.value === undefined) return [{ response: undefined }, { isDisposed: true }];
  return [{ response: reply.value, isDisposed: true }];
}

/** Nest takes an `err` that is falsy for none. */
function truthyError(error: unknown): unknown {
  if (error) return error;
  return new RemoteError(error);
}
