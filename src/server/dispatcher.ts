import { isObservable, lastValueFrom } from 'rxjs';
import type { InboundMessage } from '../message/inbound-message.js';
import { toErrorReply } from './error-reply.js';
import type { HandlerRoute } from './handler-route.js';
import { readIncoming, type Incoming, type IncomingSettings } from './incoming.js';
import { MqttContext } from './mqtt-context.js';
import type { Outcome } from './outcome.js';
import { answerStream } from './reply-stream.js';
import type { Answer, Responder } from './responder.js';
import type { Router } from './router.js';

interface DispatcherSettings extends IncomingSettings {
  readonly router: Router;
  readonly responder: Responder;
  /** Wraps the run of a handler in Nest's processing hooks. */
  readonly withHooks: (context: MqttContext, run: () => Promise<void>) => Promise<void>;
}

/** The way of a message: route, decode, handle, reply. What follows from the outcomes is not decided here. */
export class Dispatcher {
  readonly #settings: DispatcherSettings;

  constructor(settings: DispatcherSettings) {
    this.#settings = settings;
  }

  /** Never rejects: what goes wrong is an outcome. */
  async dispatch(message: InboundMessage): Promise<readonly Outcome[]> {
    const { events, responder } = this.#settings.router.route(message);
    const routes = responder === undefined ? events : [...events, responder];
    if (routes.length === 0) return [{ kind: 'unrouted' }];
    try {
      const reading = readIncoming(message, this.#settings);
      const incoming = reading instanceof Promise ? await reading : reading;
      return await Promise.all(routes.map((route) => this.#handle(route, message, incoming)));
    } catch (error) {
      return routes.map((route) => ({ kind: 'undecodable', route, error })); // a custom deserializer failed
    }
  }

  async #handle(route: HandlerRoute, message: InboundMessage, incoming: Incoming): Promise<Outcome> {
    const { reply } = route.kind === 'message' ? incoming : {};
    if (reply !== undefined && 'invalid' in reply)
      return { kind: 'unanswerable', route, reason: reply.invalid };
    const { qos } = message.packet;
    const answer = reply && this.#settings.responder.answer(reply, qos, route.codec);
    let data: unknown;
    try {
      data = incoming.decode(route.codec);
    } catch (error) {
      await answer?.({ kind: 'error', error: toErrorReply(error) }).catch(() => undefined); // the payload is to blame
      return { kind: 'undecodable', route, error };
    }
    const context = new MqttContext([message.topic, message.packet], { filter: route.filter, ...incoming });
    return this.#run(route, data, context, answer);
  }

  async #run(
    route: HandlerRoute,
    data: unknown,
    context: MqttContext,
    answer: Answer | undefined,
  ): Promise<Outcome> {
    try {
      await this.#settings.withHooks(context, async () => {
        const result: unknown = await route.handle(data, context);
        if (answer !== undefined) await answerWith(result, answer);
        else if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
      });
      return { kind: 'handled', route };
    } catch (error) {
      return answer === undefined ? { kind: 'failed', route, error } : answerFailure(route, error, answer);
    }
  }
}

async function answerWith(result: unknown, answer: Answer): Promise<void> {
  if (isObservable(result)) await answerStream(result, answer);
  else await answer(result === undefined ? { kind: 'end' } : { kind: 'value', value: result, last: true });
}

/** A request whose failure has reached the requester is handled. */
async function answerFailure(route: HandlerRoute, error: unknown, answer: Answer): Promise<Outcome> {
  try {
    await answer({ kind: 'error', error: toErrorReply(error) });
    return error instanceof Error ? { kind: 'failed', route, error } : { kind: 'handled', route };
  } catch (replyError) {
    return { kind: 'failed', route, error: replyError };
  }
}
