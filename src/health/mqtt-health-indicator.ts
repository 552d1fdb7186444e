import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { ConnectionHealth } from '../index.js';
import { livenessProblem, readinessProblem } from './health-problem.js';
import { healthOf, type MqttHealthSource } from './mqtt-health-source.js';

type ConnectionReport = Pick<ConnectionHealth, 'status' | 'connectedSince' | 'subscriptions'>;

/**
 * Tells `@nestjs/terminus` how servers, clients and connections are: those that it is given, or all that are open in the process. It reads what is
 * there, and connects to nothing.
 *
 * @example
 * ```ts
 * @Get('ready')
 * @HealthCheck()
 * ready() {
 *   return this.health.check([() => this.mqtt.isReady('mqtt', this.server)]);
 * }
 * ```
 */
export class MqttHealthIndicator {
  readonly #indicators: HealthIndicatorService;

  constructor(indicators: HealthIndicatorService) {
    this.#indicators = indicators;
  }

  /**
   * `up` while all of them are connected, servers listen, and the broker has granted every subscription that they want. Without sources it is `down` if nothing
   * is open.
   * @param key what the result is called
   */
  isReady<const Key extends string>(
    key: Key,
    ...sources: readonly MqttHealthSource[]
  ): HealthIndicatorResult<Key> {
    const healths = healthOf(sources);
    return this.#toResult(key, healths, readinessProblem(healths));
  }

  /**
   * `down` once a connection has ended for good, as with a Client Identifier that somebody else uses: only another process can help. A
   * broker that cannot be reached is no such reason.
   * @param key what the result is called
   */
  isAlive<const Key extends string>(
    key: Key,
    ...sources: readonly MqttHealthSource[]
  ): HealthIndicatorResult<Key> {
    const healths = healthOf(sources);
    return this.#toResult(key, healths, livenessProblem(healths));
  }

  #toResult<const Key extends string>(
    key: Key,
    healths: readonly ConnectionHealth[],
    message: string | undefined,
  ): HealthIndicatorResult<Key> {
    const session = this.#indicators.check(key);
    const connections = healths.map(toReport);
    return message === undefined ? session.up({ connections }) : session.down({ message, connections });
  }
}

Injectable()(MqttHealthIndicator);
Inject(HealthIndicatorService)(MqttHealthIndicator, undefined, 0);

function toReport({ status, connectedSince, subscriptions }: ConnectionHealth): ConnectionReport {
  return { status, connectedSince, subscriptions };
}
