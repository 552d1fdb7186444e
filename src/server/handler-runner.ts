import { setTimeout } from 'node:timers/promises';
import { isObservable, lastValueFrom } from 'rxjs';
import { WITHHOLD, type Decision } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { INTERNAL_ERROR, toErrorReply } from './error-reply.js';
import { retryDelayMs } from './failure-policy.js';
import type { HandlerRoute } from './handler-route.js';
import type { Incoming } from './incoming.js';
import { MqttContext } from './mqtt-context.js';
import type { Outcome } from './outcome.js';
import { answerStream } from './reply-stream.js';
import { UndeliverableReply, type Answer, type Responder } from './responder.js';

/** One message for one handler. */
export interface Job {
  readonly route: HandlerRoute;
  readonly message: InboundMessage;
  readonly incoming: Incoming | Promise<Incoming>;
  /** Takes the handler's decision; the first one counts. */
  readonly decide: (decision: Decision) => boolean;
}

interface RunnerSettings {
  readonly responder: Responder;
  /** Wraps a run in Nest's processing hooks. */
  readonly withHooks: (context: MqttContext, run: () => Promise<void>) => Promise<void>;
  /** What follows from the outcome of the last run. */
  readonly conclude: (job: Job, outcome: Outcome, attempts: number) => Promise<void> | void;
  /** Ends the waiting for a next run. */
  readonly closing: AbortSignal;
  /** Whether the broker keeps what is unacknowledged. */
  readonly keepsSession: boolean;
}

/** Runs a handler for a message: decode, handle, reply; and again, as its policy says. */
export class HandlerRunner {
  readonly #settings: RunnerSettings;

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
  }

  /** Never rejects: what goes wrong is an outcome. */
  async run(job: Job): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(job, attempt);
      const delayMs =
        outcome.kind === 'failed' ? retryDelayMs(job.route.policy, attempt, outcome.error) : undefined;
      if (delayMs === undefined) return this.#settings.conclude(job, outcome, attempt);
      if (await this.#pause(delayMs)) continue;
      return this.#leave(job) ? undefined : this.#settings.conclude(job, outcome, attempt);
    }
  }

  /** For what fails before it is run. Never rejects. */
  async fail(job: Job, error: unknown): Promise<void> {
    const { reply } = job.route.kind === 'message' ? await readable(job.incoming) : {};
    if (reply === undefined || 'invalid' in reply)
      return this.#settings.conclude(job, { kind: 'failed', error }, 0);
    const { qos } = job.message.packet;
    const outcome = await answerFailure(error, this.#settings.responder.answer(reply, qos, job.route.codec));
    return this.#settings.conclude(job, outcome, 0);
  }

  async #attempt(job: Job, attempt: number): Promise<Outcome> {
    const { route, message } = job;
    let data: unknown;
    let answer: Answer | undefined;
    let incoming: Incoming | undefined;
    try {
      incoming = job.incoming instanceof Promise ? await job.incoming : job.incoming;
      const reply = route.kind === 'message' ? incoming.reply : undefined;
      if (reply !== undefined && 'invalid' in reply) return { kind: 'unanswerable', reason: reply.invalid };
      answer = reply && this.#settings.responder.answer(reply, message.packet.qos, route.codec);
      data = incoming.decode(route.codec);
    } catch (error) {
      await answer?.({ kind: 'error', error: toErrorReply(error) }).catch(() => undefined); // the payload is to blame
      return { kind: 'undecodable', error };
    }
    const { filter } = route;
    const source = { filter, metadata: incoming.metadata, decide: job.decide, attempt };
    return this.#handle(route, data, new MqttContext([message.topic, message.packet], source), answer);
  }

  async #handle(
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
      return { kind: 'handled' };
    } catch (error) {
      return answer === undefined ? { kind: 'failed', error } : answerFailure(error, answer);
    }
  }

  /** Whether the message can be left to the broker, which delivers it again in a kept session. */
  #leave({ message, decide }: Job): boolean {
    return this.#settings.keepsSession && message.packet.qos > 0 && decide(WITHHOLD);
  }

  async #pause(delayMs: number): Promise<boolean> {
    try {
      return await setTimeout(delayMs, true, { signal: this.#settings.closing });
    } catch {
      return false;
    }
  }
}

async function answerWith(result: unknown, answer: Answer): Promise<void> {
  if (isObservable(result)) await answerStream(result, answer);
  else await answer(result === undefined ? { kind: 'end' } : { kind: 'value', value: result, last: true });
}

/** A failure that has reached its requester is handled, but one that the requester learns nothing of is reported too. */
async function answerFailure(error: unknown, answer: Answer): Promise<Outcome> {
  if (error instanceof UndeliverableReply) return { kind: 'unanswered', error };
  try {
    await answer({ kind: 'error', error: toErrorReply(error) });
    return error instanceof Error ? { kind: 'unanswered', error } : { kind: 'handled' };
  } catch (replyError) {
    if (!(replyError instanceof UndeliverableReply)) await tellNothing(answer); // it has no form on the wire
    return { kind: 'unanswered', error: replyError };
  }
}

async function tellNothing(answer: Answer): Promise<void> {
  await answer({ kind: 'error', error: INTERNAL_ERROR }).catch(() => undefined); // nothing is left to try
}

/** What could not be read has no reply address either. */
async function readable(incoming: Job['incoming']): Promise<Partial<Incoming>> {
  try {
    return await incoming;
  } catch {
    return {};
  }
}
