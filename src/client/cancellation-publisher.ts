import type { LoggerService } from '@nestjs/common';
import { describeError, printable, PublishError } from '../errors.js';
import type { OutboundPublication } from './request-dialect.js';

interface Cancellation {
  readonly topic: string;
  readonly publication: OutboundPublication;
}

type Publish = (topic: string, publication: OutboundPublication, qos: 0 | 1) => Promise<unknown>;

/**
 * Tells responders that nobody waits any more. The first message shows whether the broker takes it, and the others wait for that:
 * some brokers close the connection over a message that is not allowed.
 */
export class CancellationPublisher {
  readonly #publish: Publish;
  readonly #logger: LoggerService;
  readonly #waiting: Cancellation[] = [];
  #state: 'untried' | 'trying' | 'accepted' | 'refused' = 'untried';

  constructor(publish: Publish, logger: LoggerService) {
    this.#publish = publish;
    this.#logger = logger;
  }

  /** One that is lost does not matter: the responder knows the deadline. */
  publish(cancellation: Cancellation): void {
    if (this.#state === 'untried') void this.#try(cancellation);
    else if (this.#state === 'trying') this.#waiting.push(cancellation);
    else if (this.#state === 'accepted') this.publishLast(cancellation);
  }

  /** Whatever the broker thinks of it: the connection is about to be closed. */
  publishLast({ topic, publication }: Cancellation): void {
    if (this.#state !== 'refused') this.#publish(topic, publication, 0).catch(() => undefined);
  }

  async #try({ topic, publication }: Cancellation): Promise<void> {
    this.#state = 'trying';
    try {
      await this.#publish(topic, publication, 1);
      this.#state = 'accepted';
    } catch (error) {
      this.#state = error instanceof PublishError ? 'refused' : 'untried';
      if (this.#state === 'refused') this.#warn(error);
    }
    const waiting = this.#waiting.splice(0);
    if (this.#state === 'accepted') for (const cancellation of waiting) this.publishLast(cancellation);
  }

  #warn(error: unknown): void {
    const line = `${describeError(error)}: requests cannot be cancelled (see the option cancelTopic)`;
    this.#logger.warn(printable(line));
  }
}
