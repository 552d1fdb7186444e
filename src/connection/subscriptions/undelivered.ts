import type { LoggerService } from '@nestjs/common';
import { printable } from '../../errors.js';
import { ACKNOWLEDGE, WITHHOLD } from '../../message/decision.js';
import type { InboundMessage } from '../../message/inbound-message.js';
import type { Subscriber } from './deliveries.js';

/**
 * What nobody wants, of which a kept session may have much: it is acknowledged; but while somebody is expected who may
 * want it, it waits, and the broker still has it.
 */
export class Undelivered {
  readonly #logger: LoggerService;
  readonly #expected = new Set<Subscriber>();
  readonly #reported = { held: false, dropped: false };
  readonly #held: InboundMessage[] = [];

  constructor(logger: LoggerService) {
    this.#logger = logger;
  }

  expect(subscriber: Subscriber): void {
    this.#expected.add(subscriber);
  }

  /** Gives back what has come in the meantime, if the subscriber was expected. */
  arrive(subscriber: Subscriber): readonly InboundMessage[] {
    return this.#expected.delete(subscriber) ? this.#held.splice(0) : [];
  }

  take(message: InboundMessage): void {
    if (this.#expected.size > 0 && message.packet.qos > 0) {
      this.#held.push(message);
      this.#report('held', message, (on) => `The message on ${on} waits for a server that does not listen`);
    } else {
      message.settle(ACKNOWLEDGE);
      this.#report(
        'dropped',
        message,
        (on) => `No handler is for the message on ${on}, which the broker sent`,
      );
    }
  }

  /** The connection is closed: the broker sends it again on the next one. */
  clear(): void {
    for (const { settle } of this.#held.splice(0)) settle(WITHHOLD);
  }

  /** With one line at all. */
  #report(what: 'held' | 'dropped', { topic }: InboundMessage, say: (on: string) => string): void {
    if (this.#reported[what]) return;
    this.#reported[what] = true;
    this.#logger.warn(printable(`${say(JSON.stringify(topic))}; others are not reported`));
  }
}
