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
  readonly #requests = new Map<OpenRequest, InboundMessage>();
  readonly #byKey = new Map<string, OpenRequest>();

  constructor(settings: OpenRequestsSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** The request that a message is; `undefined` if it is none that can be answered. The caller ends it. */
  open({ reply, timeoutMs }: Incoming, message: InboundMessage, codec: Codec): OpenRequest | undefined {
    if (reply === undefined || 'invalid' in reply) return undefined;
    const { topic, packet } = message;
    const answer = this.#settings.responder.answer(reply, packet.qos, codec);
    const request = new OpenRequest({ topic, key: keyOf(reply), timeoutMs, answer });
    this.#requests.set(request, message);
    if (request.key !== undefined && !this.#byKey.has(request.key)) this.#byKey.set(request.key, request); // else it came again
    return request;
  }

  end(request: OpenRequest | undefined): void {
    if (request === undefined) return;
    request.end();
    this.#requests.delete(request);
    if (this.#byKey.get(request.key ?? '') === request) this.#byKey.delete(request.key!);
  }

  cancel(key: string): void {
    this.#byKey.get(key)?.stop('cancelled');
  }

  /** Stops all. Those that the broker will not deliver again are failed; the next process answers the others from the start. */
  async closeAll(error: unknown): Promise<void> {
    const reply = { kind: 'error', error: toErrorReply(error) } as const;
    const closing = [...this.#requests].map(async ([request, { packet }]) => {
      const isLeft = this.#settings.keepsSession && packet.qos > 0 && !request.begun;
      if (isLeft) request.stop('left');
      else await request.close(reply);
    });
    await Promise.allSettled(closing);
  }
}

function keyOf(address: ReplyAddress): string | undefined {
  const correlation = address.form === 'envelope' ? address.id : address.correlationData;
  return correlation && requestKey(address.topic, correlation);
}
