import type { LoggerService } from '@nestjs/common';
import { ConnectionError, MqttTransportError } from '../errors.js';
import { codeOf, describeFailure, isPermanentFailure } from './failure.js';

/** Why a connection could not be made, as far as is known, and what of it has been reported. */
export class ConnectionFailures {
  readonly #address: string;
  readonly #logger: LoggerService;
  readonly #maxAttempts: number;
  #lastError: Error | undefined;
  #reported: string | undefined;
  #attempts = 0;
  #answered = false;

  /** @param maxAttempts -1 for no end */
  constructor(address: string, logger: LoggerService, maxAttempts: number) {
    this.#address = address;
    this.#logger = logger;
    this.#maxAttempts = maxAttempts;
  }

  noteError(error: Error): void {
    this.#lastError = error;
  }

  noteLossWhileSubscribing(): void {
    const message = `The broker at ${this.#address} closed the connection while subscribing: not allowed?`;
    this.#lastError ??= new ConnectionError(message, this.#address);
  }

  /** A broker has answered; what fails from now on has another reason than what failed before. */
  noteConnack(): void {
    this.#lastError = undefined;
    this.#answered = true;
  }

  /** Everything is as it should be: what fails from now on is news. */
  noteReady(): void {
    this.#reported = undefined;
  }

  /** A first connection is about to be made. */
  noteStart(): void {
    this.#lastError = undefined;
    this.#reported = undefined;
    this.#attempts = 0;
  }

  /** Counts an attempt that failed; whether there is no sense in another one. */
  isFinal(): boolean {
    return ++this.#attempts === this.#maxAttempts || isPermanentFailure(this.#lastError);
  }

  /** One line for each new reason, not for each attempt. */
  report(): void {
    const { message } = this.toError();
    this.#answered = false;
    if (message !== this.#reported) this.#logger.error(`${message}; trying again`);
    this.#reported = message;
  }

  toError(): MqttTransportError {
    const cause = this.#lastError;
    if (cause instanceof MqttTransportError) return cause;
    const code = cause && codeOf(cause);
    const message = `Cannot connect to ${this.#address} (${describeFailure(cause, this.#answered)})`;
    return new ConnectionError(message, this.#address, typeof code === 'number' ? code : undefined, {
      cause,
    });
  }
}
