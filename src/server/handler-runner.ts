import { setTimeout } from 'node:timers/promises';
import { isObservable, lastValueFrom } from 'rxjs';
import { WITHHOLD, type Decision } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { Reply } from '../message/reply.js';
import { INTERNAL_ERROR, toErrorReply } from './error-reply.js';
import { retryDelayMs } from './failure-policy.js';
import type { HandlerRoute } from './handler-route.js';
import type { Incoming } from './incoming.js';
import { MqttContext } from './mqtt-context.js';
import type { OpenRequest, StopReason } from './open-request.js';
import type { Outcome } from './outcome.js';
import { answerStream } from './reply-stream.js';
import { UndeliverableReply } from './responder.js';

/** One message for one handler. */
export interface Job {
  readonly route: HandlerRoute;
  readonly message: InboundMessage;
  readonly incoming: Incoming | Promise<Incoming>;
  /** Takes the handler's decision; the first one counts. */
  readonly decide: (decision: Decision) => boolean;
}

interface RunnerSettings {
  /** Wraps a run in Nest's processing hooks. */
  readonly withHooks: (context: MqttContext, run: () => Promise<void>) => Promise<void>;
  /** What follows from the outcome of the last run. */
  readonly conclude: (job: Job, outcome: Outcome, attempts: number) => Promise<void> | void;
  /** Aborts when the server closes without waiting any longer. */
  readonly abandoned: AbortSignal;
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
    const { request } = await readable(job.incoming);
    const outcome =
      request === undefined ? ({ kind: 'failed', error } as const) : await answerFailure(error, request);
    return this.#settings.conclude(job, outcome, 0);
  }

  async #attempt(job: Job, attempt: number): Promise<Outcome> {
    const { route } = job;
    let incoming: Incoming;
    try {
      incoming = job.incoming instanceof Promise ? await job.incoming : job.incoming;
    } catch (error) {
      return { kind: 'undecodable', error };
    }
    const { reply, request } = incoming;
    if (route.kind === 'message' && reply !== undefined && 'invalid' in reply)
      return { kind: 'unanswerable', reason: reply.invalid };
    const run = () => this.#decodeAndHandle(job, incoming, attempt);
    if (request === undefined) return run();
    return (await this.#answerAgain(route, request)) ?? this.#recording(route, request, run);
  }

  /** What is known of a request that has come before. */
  async #answerAgain({ answered }: HandlerRoute, request: OpenRequest): Promise<Outcome | undefined> {
    if (request.stopped !== undefined) return stopOutcome(request.stopped);
    const replies = request.key === undefined ? undefined : answered?.find(request.key);
    if (replies === undefined) return undefined;
    if (replies !== 'running') await answerAll(replies, request);
    return { kind: 'handled' };
  }

  async #recording(
    { answered }: HandlerRoute,
    request: OpenRequest,
    run: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const { key } = request;
    if (answered === undefined || key === undefined) return run();
    answered.start(key);
    const replies = request.record();
    const outcome = await run();
    answered.end(key, request.stopped === undefined ? replies : undefined);
    return outcome;
  }

  async #decodeAndHandle(job: Job, incoming: Incoming, attempt: number): Promise<Outcome> {
    const { route, message } = job;
    const { metadata, request } = incoming;
    let data: unknown;
    try {
      data = incoming.decode(route.codec);
    } catch (error) {
      await request?.answer({ kind: 'error', error: toErrorReply(error) }).catch(() => undefined); // the payload is to blame
      return { kind: 'undecodable', error };
    }
    const signal = (): AbortSignal => request?.signal ?? this.#settings.abandoned;
    const source = { filter: route.filter, metadata, decide: job.decide, attempt, signal };
    return this.#handle(route, data, new MqttContext([message.topic, message.packet], source), request);
  }

  async #handle(
    route: HandlerRoute,
    data: unknown,
    context: MqttContext,
    request: OpenRequest | undefined,
  ): Promise<Outcome> {
    try {
      await this.#settings.withHooks(context, async () => {
        const result: unknown = await route.handle(data, context);
        if (request !== undefined) await answerWith(result, request);
        else if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
      });
      return request?.stopped === undefined ? { kind: 'handled' } : stopOutcome(request.stopped);
    } catch (error) {
      return request === undefined ? { kind: 'failed', error } : answerFailure(error, request);
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

async function answerWith(result: unknown, request: OpenRequest): Promise<void> {
  if (isObservable(result)) await answerStream(result, request);
  else
    await request.answer(
      result === undefined ? { kind: 'end' } : { kind: 'value', value: result, last: true },
    );
}

async function answerAll(replies: readonly Reply[], request: OpenRequest): Promise<void> {
  for (const reply of replies) await request.answer(reply).catch(() => undefined); // as it was the first time
}

/** A failure that has reached its requester is handled, but one that the requester learns nothing of is reported too. */
async function answerFailure(error: unknown, request: OpenRequest): Promise<Outcome> {
  if (request.stopped !== undefined) return stopOutcome(request.stopped);
  if (error instanceof UndeliverableReply) return { kind: 'unanswered', error };
  try {
    await request.answer({ kind: 'error', error: toErrorReply(error) });
    return error instanceof Error ? { kind: 'unanswered', error } : { kind: 'handled' };
  } catch (replyError) {
    if (!(replyError instanceof UndeliverableReply)) await tellNothing(request); // it has no form on the wire
    return { kind: 'unanswered', error: replyError };
  }
}

async function tellNothing(request: OpenRequest): Promise<void> {
  await request.answer({ kind: 'error', error: INTERNAL_ERROR }).catch(() => undefined); // nothing is left to try
}

function stopOutcome(reason: StopReason): Outcome {
  return { kind: reason === 'expired' ? 'expired' : 'cancelled' };
}

/** What could not be read is no request either. */
async function readable(incoming: Job['incoming']): Promise<Partial<Incoming>> {
  try {
    return await incoming;
  } catch {
    return {};
  }
}
