import type { LoggerService } from '@nestjs/common';
import type { InboundMessage } from '../message/inbound-message.js';
import { isLoggedByNest } from './error-reply.js';
import type { Outcome } from './outcome.js';

/** Writes one line for each failure, and one at all for messages that no handler is for. */
export class OutcomeLog {
  readonly #logger: LoggerService;
  #unroutedReported = false;

  constructor(logger: LoggerService) {
    this.#logger = logger;
  }

  report({ topic, payload }: InboundMessage, outcome: Outcome): void {
    const on = `on ${JSON.stringify(topic)}`;
    switch (outcome.kind) {
      case 'handled':
        return;
      case 'failed':
        if (!isLoggedByNest(outcome.error)) {
          this.#logger.error(`${outcome.route.name} failed ${on}: ${describe(outcome.error)}`);
        }
        return;
      case 'undecodable':
        this.#logger.error(
          `${outcome.route.name} cannot read the message ${on} (${payload.length} bytes): ${describe(outcome.error)}`,
        );
        return;
      case 'unanswerable':
        this.#logger.warn(`${outcome.route.name} ignored the request ${on}: ${outcome.reason}`);
        return;
      case 'unrouted':
        if (!this.#unroutedReported) {
          this.#logger.warn(
            `No handler is for the message ${on}, which the broker sent; others are not reported`,
          );
        }
        this.#unroutedReported = true;
    }
  }
}

function describe(error: unknown): string {
  if (typeof error === 'string') return error;
  const message: unknown = typeof error === 'object' && error !== null && 'message' in error && error.message;
  return typeof message === 'string' ? message : JSON.stringify(error);
}
