import type { Codec } from '../codec/codec.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { requestKey } from '../message/cancellation.js';
import { toErrorReply } from './error-reply.js';
import type { Incoming } from './incoming.js';
import { OpenRequest } from './open-request.js';
import type { ReplyAddress } from './reply-address.js';
import type { Responder } from './responder.js';

interface OpenRequestsSettings {
  readonly responder: Responder;
  /** Whether the broker keeps what is unacknowledged. */
  readonly keepsSession: boolean;
}

/** The requests that wait or run here, so that they can be cancelled. */
export class OpenRequests {
  readonly #settings: OpenRequestsSettings;
  /** By their keys; one that has none, or comes while it runs, is its own key. */
  readonly #requests = new Map<string | OpenRequest, OpenRequest>();
  /** Those that came while another one with their key was open. */
  readonly #repeated = new Set<OpenRequest>();

  constructor(settings: OpenRequestsSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** The request that a message is; `undefined` if it is none that can be answered. The caller ends it. */
  open({ reply, timeoutMs }: Incoming, message: InboundMessage, codec: Codec): OpenRequest | undefined {
    if (reply === undefined || 'invalid' in reply) return undefined;
    const key = keyOf(reply);
    const answer = this.#settings.responder.answer(reply, message.packet.qos, codec);
    const request = new OpenRequest({ message, key, timeoutMs, answer });
    const isRepeated = key !== undefined && this.#requests.has(key);
    if (isRepeated) this.#repeated.add(request);
    this.#requests.set(key === undefined || isRepeated ? request : key, request);
    return request;
  }

  end(request: OpenRequest | undefined): void {
    if (request === undefined) return;
    request.end();
    const { key } = request;
    const isFirst = key !== undefined && this.#requests.get(key) === request;
    this.#requests.delete(isFirst ? key : request);
    this.#repeated.delete(request);
  }

  endOf(incoming: Incoming | Promise<Incoming>): void {
    if (incoming instanceof Promise)
      void incoming.then(({ request }) => this.end(request)); // it does not reject
    else this.end(incoming.request);
  }

  cancel(key: string): void {
    this.#requests.get(key)?.stop('cancelled');
    for (const request of this.#repeated) if (request.key === key) request.stop('cancelled');
  }

  /** Stops all. Those that the broker will not deliver again are failed; the next process answers the others from the start. */
  async closeAll(error: unknown): Promise<void> {
    const reply = { kind: 'error', error: toErrorReply(error) } as const;
    const closing = [...this.#requests.values()].map(async (request) => {
      const isLeft = this.#settings.keepsSession && request.qos > 0 && !request.begun;
      if (isLeft) request.stop('left');
      else await request.close(reply);
    });
    await Promise.allSettled(closing);
  }
}

function keyOf(address: ReplyAddress): string | undefined {
  const correlation = address.form === 'envelope' ? address.id : address.correlationData;
  return correlation?.length ? requestKey(address.topic, correlation) : undefined;
}
