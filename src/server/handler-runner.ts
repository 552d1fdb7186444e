import { setTimeout } from 'node:timers/promises';
import { isObservable, lastValueFrom } from 'rxjs';
import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import { retries } from '../diagnostics/retry-event.js';
import { handling, traceHandling } from '../diagnostics/trace-handling.js';
import { WITHHOLD } from '../message/decision.js';
import { retryDelayMs } from './failure-policy.js';
import { handleFacts } from './handle-facts.js';
import type { HandlerRoute } from './handler-route.js';
import type { Incoming } from './incoming.js';
import { MqttContext } from '../message/mqtt-context.js';
import type { Job } from './job.js';
import type { OpenRequest } from './open-request.js';
import { HANDLED, type Outcome } from './outcome.js';
import { ReplyRecord, repeatKey } from './reply-cache.js';
import { answerAgain, answerFailure, answerWith, notRun, succeeded, undecodable } from './request-outcome.js';

/** Wraps a run in Nest's processing hooks. */
export type WithHooks = (context: MqttContext, run: () => Promise<void>) => Promise<void>;

interface RunnerSettings {
  /** `undefined` while there are none, which spares each run two promises. */
  readonly hooks: () => WithHooks | undefined;
  /** What follows from the outcome of the last run. */
  readonly conclude: (job: Job, outcome: Outcome, attempts: number) => Promise<void> | void;
  /** Aborts when the server closes without waiting any longer. */
  readonly lifetime: { readonly signal: AbortSignal };
  /** Ends the waiting for a next run. */
  readonly closing: AbortSignal;
  /** Whether the broker keeps what is unacknowledged. */
  readonly keepsSession: boolean;
  readonly connection: () => ConnectionIdentity;
}

/** Runs a handler for a message: decode, handle, reply; and again, as its policy says. */
export class HandlerRunner {
  readonly #settings: RunnerSettings;

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
  }

  /** Never rejects: what goes wrong is an outcome. */
  run(job: Job): Promise<void> {
    return this.#attempt(job, 1).then((outcome) =>
      outcome.kind === 'failed' ? this.#retry(job, outcome) : this.#settings.conclude(job, outcome, 1),
    );
  }

  /** For what fails before it is run. Never rejects. */
  async fail(job: Job, error: unknown): Promise<void> {
    const incoming = await readable(job.incoming);
    const { request } = incoming;
    const outcome = await this.#trace(job, incoming, this.#createContext(job, incoming, 1), () =>
      request === undefined ? { kind: 'failed', error } : answerFailure(error, request),
    );
    return this.#settings.conclude(job, outcome, 0);
  }

  /** After the first run has failed. */
  async #retry(job: Job, failure: Outcome): Promise<void> {
    let outcome = failure;
    for (let attempt = 1; ; attempt++) {
      const delayMs =
        outcome.kind === 'failed' ? retryDelayMs(job.route.policy, attempt, outcome.error) : undefined;
      if (delayMs === undefined) return this.#settings.conclude(job, outcome, attempt);
      if (retries.hasSubscribers) this.#tellOfRetry(job, outcome, attempt, delayMs);
      if (!(await this.#pause(delayMs)))
        return this.#leave(job) ? undefined : this.#settings.conclude(job, outcome, attempt);
      outcome = await this.#attempt(job, attempt + 1);
    }
  }

  #attempt(job: Job, attempt: number): Promise<Outcome> {
    const { incoming } = job;
    if (!(incoming instanceof Promise)) return this.#proceed(job, incoming, attempt);
    return incoming.then(
      (read) => this.#proceed(job, read, attempt),
      (error: unknown) => ({ kind: 'undecodable', error }),
    );
  }

  #proceed(job: Job, incoming: Incoming, attempt: number): Promise<Outcome> {
    const context = this.#createContext(job, incoming, attempt);
    if (!handling.hasSubscribers) return this.#runOnce(job, incoming, context); // without a closure
    return this.#trace(job, incoming, context, () => this.#runOnce(job, incoming, context));
  }

  async #trace(
    job: Job,
    { reply }: Partial<Incoming>,
    context: MqttContext,
    run: () => Outcome | Promise<Outcome>,
  ): Promise<Outcome> {
    if (!handling.hasSubscribers) return run();
    return traceHandling(handleFacts(job, reply, context, this.#settings.connection()), run);
  }

  #createContext({ route, message, decide }: Job, incoming: Partial<Incoming>, attempt: number): MqttContext {
    const { metadata, request } = incoming;
    const lifetime = request ?? this.#settings.lifetime;
    const source = { filter: route.filter, metadata, decide, attempt, lifetime };
    return new MqttContext([message.topic, message.packet], source);
  }

  #runOnce(job: Job, incoming: Incoming, context: MqttContext): Promise<Outcome> {
    const { reply, request } = incoming;
    if (job.route.kind === 'message' && reply !== undefined && 'invalid' in reply)
      return Promise.resolve({ kind: 'unanswerable', reason: reply.invalid });
    return request === undefined
      ? this.#decodeAndHandle(job, incoming, context)
      : this.#answer(job, request, () => this.#decodeAndHandle(job, incoming, context));
  }

  /** Runs a request, unless it is too late, or it came before and its replies are known. */
  #answer(
    { route: { answered }, message }: Job,
    request: OpenRequest,
    run: () => Promise<Outcome>,
  ): Promise<Outcome> {
    if (request.stopped !== undefined) return Promise.resolve(notRun(request.stopped));
    if (request.expired) return Promise.resolve({ kind: 'expired' });
    if (answered === undefined || request.key === undefined) return run();
    const key = repeatKey(request.key, message);
    const known = answered.begin(key);
    if (known === 'running') return Promise.resolve(HANDLED); // the first run answers it
    if (!(known instanceof ReplyRecord)) return answerAgain(known, request);
    request.recordTo(known);
    return run().finally(() => answered.end(key, known));
  }

  #decodeAndHandle(job: Job, incoming: Incoming, context: MqttContext): Promise<Outcome> {
    const { request } = incoming;
    let data: unknown;
    try {
      data = incoming.decode(job.route.codec);
    } catch (error) {
      return undecodable(error, request);
    }
    const withHooks = this.#settings.hooks();
    return request === undefined && withHooks === undefined
      ? this.#handleEvent(job, data, context)
      : this.#handle(job, data, context, request, withHooks);
  }

  /** Most messages are events: they take as few promises as can be. */
  #handleEvent(job: Job, data: unknown, context: MqttContext): Promise<Outcome> {
    return call(job.route, data, context).then(
      (result) => (result === undefined ? HANDLED : this.#outcomeOf(job, result)),
      (error: unknown) => this.#failure(job, error),
    );
  }

  async #outcomeOf(job: Job, result: unknown): Promise<Outcome> {
    try {
      await endOf(result, undefined);
      return HANDLED;
    } catch (error) {
      return this.#failure(job, error);
    }
  }

  async #handle(
    job: Job,
    data: unknown,
    context: MqttContext,
    request: OpenRequest | undefined,
    withHooks: WithHooks | undefined,
  ): Promise<Outcome> {
    try {
      let result: unknown;
      if (withHooks === undefined) {
        result = await job.route.handle(data, context);
        await endOf(result, request);
      } else {
        await withHooks(context, async () => {
          result = await job.route.handle(data, context);
          await endOf(result, request);
        });
      }
      return succeeded(result, request);
    } catch (error) {
      return request === undefined ? this.#failure(job, error) : answerFailure(error, request);
    }
  }

  /** Of what nobody waits for an answer to. */
  #failure(job: Job, error: unknown): Outcome {
    return this.#isLeft(job) ? { kind: 'left' } : { kind: 'failed', error };
  }

  #tellOfRetry({ route, message }: Job, outcome: Outcome, attempts: number, delayMs: number): void {
    retries.publish({
      connection: this.#settings.connection(),
      topic: message.topic,
      handler: route.name,
      filter: route.filter.template,
      attempts,
      delayMs,
      error: 'error' in outcome ? outcome.error : undefined,
    });
  }

  /** What fails when the server does not wait any longer was most likely aborted, and is for the next process. */
  #isLeft({ message }: Job): boolean {
    const { keepsSession, lifetime } = this.#settings;
    return keepsSession && message.packet.qos > 0 && lifetime.signal.aborted;
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

/** As `await` does: a handler need not be asynchronous. */
function call(route: HandlerRoute, data: unknown, context: MqttContext): Promise<unknown> {
  try {
    return Promise.resolve(route.handle(data, context));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What is to be waited for after the handler itself. */
function endOf(result: unknown, request: OpenRequest | undefined): Promise<unknown> | undefined {
  if (request !== undefined) return answerWith(result, request);
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : undefined;
}

/** What could not be read is no request either. */
async function readable(incoming: Job['incoming']): Promise<Partial<Incoming>> {
  try {
    return await incoming;
  } catch {
    return {};
  }
}
