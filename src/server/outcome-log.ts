import type { LoggerService } from '@nestjs/common';
import type { InboundMessage } from '../message/inbound-message.js';
import { describeError, printable } from '../errors.js';
import { isLoggedByNest } from './error-reply.js';
import type { HandlerRoute } from './handler-route.js';
import type { Outcome } from './outcome.js';
import { Tally } from './tally.js';

/** Writes one line for each failure, and one a second for messages that are dropped. */
export class OutcomeLog {
  readonly #logger: LoggerService;
  readonly #dropped: Tally;
  readonly #expired: Tally;
  readonly #unasked = new WeakSet<HandlerRoute>();

  constructor(logger: LoggerService) {
    this.#logger = logger;
    this.#dropped = new Tally((count) => {
      logger.warn(`Dropped ${count} QoS 0 messages: the oldest of those that waited for a handler`);
    });
    this.#expired = new Tally((count) => {
      logger.warn(
        `${count} requests expired before they were answered: their handlers are too slow, or too busy`,
      );
    });
  }

  /** How many messages have been dropped. */
  get droppedCount(): number {
    return this.#dropped.total;
  }

  /** How many requests have expired. */
  get expiredCount(): number {
    return this.#expired.total;
  }

  /** @param consequence what becomes of the message, if that is not what always does */
  report({ name }: HandlerRoute, message: InboundMessage, outcome: Outcome, consequence?: string): void {
    const on = `on ${JSON.stringify(message.topic)}`;
    const then = consequence === undefined || consequence === 'reject' ? '' : `; ${toClause(consequence)}`;
    switch (outcome.kind) {
      case 'handled':
      case 'expired':
      case 'cancelled':
      case 'left':
        return;
      case 'failed':
      case 'unanswered':
        if (then !== '' || !isLoggedByNest(outcome.error)) {
          this.#error(`${name} failed ${on}: ${describeError(outcome.error)}${then}`);
        }
        return;
      case 'undecodable': {
        const size = `(${message.payload.length} bytes)`;
        this.#error(`${name} cannot read the message ${on} ${size}: ${describeError(outcome.error)}${then}`);
        return;
      }
      case 'unanswerable':
        this.#logger.warn(printable(`${name} ignored the request ${on}: ${outcome.reason}`));
    }
  }

  /** A requester that waits in vain hears of it here; once for each handler. */
  unasked(route: HandlerRoute, { topic }: InboundMessage): void {
    if (this.#unasked.has(route)) return;
    this.#unasked.add(route);
    const line = `${route.name} runs for a message on ${JSON.stringify(topic)} that asks for no reply, so its result is nobody's`;
    this.#logger.warn(
      printable(
        `${line} (a Response Topic arrives on MQTT 5 only: protocolVersion); others are not reported`,
      ),
    );
  }

  #error(line: string): void {
    this.#logger.error(printable(line));
  }

  dropped({ packet, topic }: InboundMessage): void {
    if (packet.qos > 0) {
      this.#error(
        `The message on ${JSON.stringify(topic)} was acknowledged, but not handled before the server closed`,
      );
      return;
    }
    this.#dropped.add();
  }

  expired(): void {
    this.#expired.add();
  }

  /** Reports what has been counted and not yet reported. */
  flush(): void {
    this.#dropped.flush();
    this.#expired.flush();
  }
}

function toClause(consequence: string): string {
  if (consequence === 'acknowledge') return 'it is acknowledged';
  return consequence === 'withhold' ? 'it stays unacknowledged' : consequence;
}
