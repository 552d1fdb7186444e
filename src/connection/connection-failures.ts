import type { LoggerService } from '@nestjs/common';
import type { IDisconnectPacket } from 'mqtt';
import { ConnectionError, MqttTransportError } from '../errors.js';
import { describeBroker, type MqttConnectionOptions } from './connection-options.js';
import { codeOf, describeDisconnect, describeError, describeFailure, kindOfFailure } from './failure.js';
import { isFinalDisconnect, SESSION_TAKEN_OVER } from './reason-code.js';

interface Settings {
  /** The broker's, for messages. */
  readonly address: string;
  /** -1 for no end. */
  readonly maxAttempts: number;
  /** Whether the next attempt may have other credentials. */
  readonly refreshesCredentials: boolean;
  /** How many servers there are to try: what one refuses, another one may not. */
  readonly serverCount: number;
}

/** How MQTT.js calls a CONNECT that is not answered within `connectTimeout`. */
const UNANSWERED = 'connack timeout';
/** For how long one may come late: TCP sends for minutes what has not arrived, and proxies keep it. */
const LATE_MS = 300_000;

/** Why there is no connection, as far as is known, what of it has been reported, and whether there is any sense in going on. */
export class ConnectionFailures {
  readonly #logger: LoggerService;
  readonly #settings: Settings;
  #lastError: Error | undefined;
  /** Of a connection that was made, and must not be made again. */
  #end: ConnectionError | undefined;
  #reported: string | undefined;
  #givenUp = false;
  #attempts = 0;
  #refusals = 0;
  #answered = false;
  /** How many CONNECTs were not answered, the last of them when: one that arrives late takes over our own session. */
  #unanswered = 0;
  #unansweredAt = 0;

  constructor(logger: LoggerService, options: MqttConnectionOptions) {
    this.#logger = logger;
    this.#settings = {
      address: describeBroker(options),
      maxAttempts: options.maxConnectionAttempts ?? -1,
      refreshesCredentials: options.refreshCredentials !== undefined,
      serverCount: options.servers?.length ?? 1,
    };
  }

  /** Why the broker ended a connection that must not be made again, if it did. */
  get end(): ConnectionError | undefined {
    return this.#end;
  }

  /** Whether a connection that was made has ended for good, and no other one has been begun. */
  get givenUp(): boolean {
    return this.#givenUp;
  }

  noteError(error: Error): void {
    this.#lastError = error;
    if (error.message !== UNANSWERED) return;
    this.#unanswered++;
    this.#unansweredAt = performance.now();
  }

  /** The broker closes the connection, and says why. */
  noteDisconnect(packet: IDisconnectPacket, clientId = ''): void {
    const { reasonCode = 0 } = packet;
    const { address } = this.#settings;
    const reason = describeDisconnect(packet);
    const isOurs = reasonCode === SESSION_TAKEN_OVER && this.#isFromLateConnect();
    const what =
      reasonCode === SESSION_TAKEN_OVER && !isOurs
        ? `Another client with the clientId "${clientId}" has taken over the session at ${address}`
        : `The broker at ${address} closed the connection`;
    const error = new ConnectionError(`${what} (${reason})`, address, reasonCode);
    this.#lastError = error;
    if (isFinalDisconnect(reasonCode) && !isOurs) this.#end = error;
    else this.#logger.warn(`The broker closes the connection (${reason})`);
  }

  /** Each takes over once. */
  #isFromLateConnect(): boolean {
    if (this.#unanswered === 0 || performance.now() - this.#unansweredAt > LATE_MS) return false;
    this.#unanswered--;
    return true;
  }

  /** Why the connection was lost. */
  noteLoss(isFirst: boolean): void {
    const { address } = this.#settings;
    const cause = this.#lastError;
    if (cause instanceof MqttTransportError || (isFirst && cause !== undefined)) return;
    const why = cause && ` (${describeError(cause)})`;
    const message = isFirst
      ? `The broker at ${address} closed the connection while subscribing: not allowed?`
      : `Lost the connection to ${address}${why ?? ''}`;
    this.#lastError = new ConnectionError(message, address, undefined, { cause });
  }

  /** An attempt begins; what fails from now on has another reason than what failed before. */
  noteAttempt(): void {
    this.#lastError = undefined;
    this.#answered = false;
  }

  /** A broker has answered. */
  noteConnack(): void {
    this.#lastError = undefined;
    this.#answered = true;
  }

  /** Everything is as it should be: what fails from now on is news. */
  noteReady(): void {
    this.#reported = undefined;
    this.#attempts = 0;
    this.#refusals = 0;
  }

  /** A first connection is about to be made. */
  noteStart(): void {
    this.noteAttempt();
    this.noteReady();
    this.#end = undefined;
    this.#givenUp = false;
  }

  /**
   * Whether there is no sense in another attempt after the one that failed.
   * @param isFirst whether there was no connection yet, for which the credentials could have been right
   */
  isFinal(isFirst: boolean): boolean {
    if (this.#end !== undefined) return true;
    const { maxAttempts, refreshesCredentials, serverCount } = this.#settings;
    const kind = kindOfFailure(this.#lastError);
    const isMistake = kind === 'configuration' || (kind === 'credentials' && !refreshesCredentials);
    this.#refusals = kind === 'permanent' || (isFirst && isMistake) ? this.#refusals + 1 : 0;
    if (this.#refusals >= serverCount) return true;
    if (isFirst || kind === 'credentials') return ++this.#attempts === maxAttempts;
    this.#attempts = 0;
    return false;
  }

  /** One line for each connection that was lost, and for each new reason for which there is none, not for each attempt. */
  report(lost: boolean): void {
    if (lost) {
      this.#logger.warn(`Lost the connection to ${this.#settings.address}, connecting again`);
      return;
    }
    const { message } = this.toError();
    if (message !== this.#reported) this.#logger.error(`${message}; trying again`);
    this.#reported = message;
  }

  /** There is no further attempt. */
  reportEnd(): void {
    this.#givenUp = true;
    this.#logger.error(`${this.toError().message}; not connecting again`);
  }

  toError(): MqttTransportError {
    const cause = this.#end ?? this.#lastError;
    if (cause instanceof MqttTransportError) return cause;
    const { address } = this.#settings;
    const code = cause && codeOf(cause);
    const message = `Cannot connect to ${address} (${describeFailure(cause, this.#answered)})`;
    return new ConnectionError(message, address, typeof code === 'number' ? code : undefined, { cause });
  }
}
