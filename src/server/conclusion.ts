import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import { deadLetters } from '../diagnostics/dead-letter-event.js';
import {
  ACKNOWLEDGE,
  PAYLOAD_FORMAT_INVALID,
  UNSPECIFIED_ERROR,
  WITHHOLD,
  type Decision,
} from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import { describeError } from '../errors.js';
import { encodeDeadLetter } from './dead-letter.js';
import type { Job } from './job.js';
import type { OutcomeLog } from './outcome-log.js';
import type { Outcome } from './outcome.js';

interface ConclusionSettings {
  readonly publish: (topic: string, payload: Buffer | string, options: MqttRecordOptions) => Promise<unknown>;
  readonly protocolVersion: number;
  readonly log: OutcomeLog;
  readonly connection: () => ConnectionIdentity;
}

/** What follows from an outcome, for the message and for the log: the whole of the reliability model. */
export class Conclusion {
  readonly #settings: ConclusionSettings;

  constructor(settings: ConclusionSettings) {
    this.#settings = settings;
  }

  draw(job: Job, outcome: Outcome, attempts: number): Promise<void> | void {
    const { route, message, decide } = job;
    switch (outcome.kind) {
      case 'handled':
        if (route.ack !== 'manual') decide(ACKNOWLEDGE);
        return;
      case 'expired':
        this.#settings.log.expired();
        decide(ACKNOWLEDGE);
        return;
      case 'cancelled':
        decide(ACKNOWLEDGE);
        return;
      case 'left':
        decide(WITHHOLD);
        return;
      case 'unanswered':
      case 'unanswerable':
        this.#settings.log.report(route, message, outcome);
        decide(ACKNOWLEDGE);
        return;
      case 'failed':
      case 'undecodable':
        return this.#giveUp(job, outcome, attempts);
    }
  }

  async #giveUp(job: Job, outcome: Failure, attempts: number): Promise<void> {
    const { route, message, decide } = job;
    const { onFailure } = route.policy;
    const deadLetter = route.policy.deadLetter === message.topic ? undefined : route.policy.deadLetter; // no circles
    const { log } = this.#settings;
    if (deadLetter === undefined) {
      const counts = decide(toDecision(onFailure, outcome));
      log.report(route, message, outcome, counts ? onFailure : undefined);
      return;
    }
    try {
      await this.#bury(deadLetter, route.name, message, outcome, attempts);
      log.report(route, message, outcome, `its dead letter is on ${JSON.stringify(deadLetter)}`);
      decide(ACKNOWLEDGE);
      this.#tellOfDeadLetter(job, deadLetter, outcome, attempts);
    } catch (error) {
      const stays = decide(WITHHOLD) && message.packet.qos > 0 ? 'it stays unacknowledged, for ' : '';
      log.report(route, message, outcome, `${stays}its dead letter failed: ${describeError(error)}`);
      this.#tellOfDeadLetter(job, deadLetter, outcome, attempts, error);
    }
  }

  async #bury(
    deadLetter: string,
    handler: string,
    message: InboundMessage,
    { error }: Failure,
    attempts: number,
  ): Promise<void> {
    const { topic, payload } = message;
    const letter = { topic, payload, error: describeError(error), attempts, handler, time: new Date() };
    const { payload: content, options } = encodeDeadLetter(letter, message, this.#settings.protocolVersion);
    await this.#settings.publish(deadLetter, content, options);
  }

  #tellOfDeadLetter(
    { route, message }: Job,
    deadLetterTopic: string,
    { error: reason }: Failure,
    attempts: number,
    error?: unknown,
  ): void {
    if (!deadLetters.hasSubscribers) return;
    const connection = this.#settings.connection();
    const { name: handler, filter } = route;
    const facts = { topic: message.topic, deadLetterTopic, handler, filter: filter.template, attempts };
    deadLetters.publish({ connection, ...facts, reason, error });
  }
}

type Failure = Extract<Outcome, { readonly kind: 'failed' | 'undecodable' }>;

function toDecision(onFailure: 'reject' | 'acknowledge' | 'withhold', { kind }: Failure): Decision {
  if (onFailure !== 'reject') return { kind: onFailure };
  return { kind: 'reject', reasonCode: kind === 'undecodable' ? PAYLOAD_FORMAT_INVALID : UNSPECIFIED_ERROR };
}
