import type { WritePacket } from '@nestjs/microservices';
import { RemoteError, RequestTimeoutError } from '../errors.js';
import type { Reply } from '../message/reply.js';
import type { PendingRequest } from './pending-requests.js';

/** What Nest's `send` waits for: the replies of one responder, as Nest's packets. */
export class SendRequest implements PendingRequest {
  readonly many = false;
  readonly #callback: (packet: WritePacket) => void;

  constructor(
    readonly topic: string,
    readonly timeoutMs: number,
    callback: (packet: WritePacket) => void,
  ) {
    this.#callback = callback;
  }

  endsWith(reply: Reply): boolean {
    return reply.kind !== 'value' || reply.last;
  }

  take(reply: Reply): void {
    for (const packet of toWritePackets(reply)) this.#callback(packet);
  }

  fail(error: unknown): void {
    this.take({ kind: 'error', error });
  }

  expire(): void {
    this.fail(new RequestTimeoutError(this.topic, this.timeoutMs));
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
