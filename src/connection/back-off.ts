import { ConfigurationError } from '../errors.js';
import { MAX_DELAY_MS } from './max-delay.js';

/**
 * How long to wait before the connection is made again. The n-th attempt in a row comes `initialMs * factor ** (n - 1)`, but
 * at most `maxMs`, after the one before it failed, and up to `jitter` of that earlier.
 */
export interface ReconnectOptions {
  /** The longest delay before the first new attempt, in milliseconds, at least 1. Default 1000, or `maxMs` if that is less. */
  readonly initialMs?: number | undefined;
  /** What no delay exceeds, in milliseconds. Default 30 000. A connection that was ready for as long as this starts over with `initialMs`. */
  readonly maxMs?: number | undefined;
  /** How much longer each further delay is. Default 2. */
  readonly factor?: number | undefined;
  /**
   * Which part of each delay is left to chance, from 0 to 1. Default 0.5, so that the clients of a broker that was
   * restarted do not come back all at once.
   */
  readonly jitter?: number | undefined;
}

interface Settings {
  /** MQTT.js's: a fixed delay, 0 for no attempt at all. */
  readonly reconnectPeriod?: number | undefined;
  readonly reconnect?: ReconnectOptions | undefined;
}

/** The delays before the attempts to connect that follow the first one. */
export class BackOff {
  readonly #options: { readonly [K in keyof ReconnectOptions]-?: number };
  #attempts = 0;
  #readySince: number | undefined;

  /**
   * `undefined` if a connection that is lost is not made again.
   * @throws {ConfigurationError}
   */
  static from({ reconnect, reconnectPeriod }: Settings): BackOff | undefined {
    if (reconnectPeriod === undefined) return new BackOff(reconnect);
    if (reconnect !== undefined)
      throw new ConfigurationError('reconnect and reconnectPeriod, a fixed delay, exclude each other');
    if (!(reconnectPeriod > 0)) return undefined;
    const period = Math.min(reconnectPeriod, MAX_DELAY_MS);
    return new BackOff({ initialMs: period, maxMs: period, factor: 1, jitter: 0 });
  }

  /** @throws {ConfigurationError} */
  constructor(options: ReconnectOptions = {}) {
    const { maxMs = 30_000, factor = 2, jitter = 0.5 } = options;
    const { initialMs = Math.min(1000, maxMs) } = options;
    check('initialMs', initialMs, 1, MAX_DELAY_MS);
    check('maxMs', maxMs, initialMs, MAX_DELAY_MS);
    check('factor', factor, 1, Infinity);
    check('jitter', jitter, 0, 1);
    this.#options = { initialMs, maxMs, factor, jitter };
  }

  /** How long to wait from now on, in milliseconds. */
  next(): number {
    this.#endReadiness();
    const { initialMs, maxMs, factor, jitter } = this.#options;
    const delay = Math.min(initialMs * factor ** this.#attempts++, maxMs);
    return delay * (1 - jitter * Math.random());
  }

  /** The connection is made, and subscribed. */
  noteReady(): void {
    this.#readySince ??= performance.now();
  }

  /** One that is lost again and again, at once, is not made again ever faster. */
  #endReadiness(): void {
    if (this.#readySince !== undefined && performance.now() - this.#readySince >= this.#options.maxMs)
      this.#attempts = 0;
    this.#readySince = undefined;
  }
}

function check(name: string, value: number, from: number, to: number): void {
  if (value >= from && value <= to) return;
  throw new ConfigurationError(`reconnect.${name} must be from ${from} to ${to}, not ${String(value)}`);
}
