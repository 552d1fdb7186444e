import { Injectable } from '@nestjs/common';
import { MqttContext } from 'nestjs-mqtt';
import { LETTER } from './dead-letters.js';

/** What has been counted so far, and how long the messages of the last second took. */
export interface FlowSnapshot {
  readonly handled: number;
  /** Runs after the first one. */
  readonly retried: number;
  /** Messages that a device has numbered, and that never came: dropped by the broker, the network or the server. */
  readonly lost: number;
  /** From the device to the handler; 0 if there was none. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

/** Counts the messages that are handled. Devices number them, and write in a User Property when they were sent. */
@Injectable()
export class Flow {
  readonly #latestNumbers = new Map<string, number>();
  #latenciesMs: number[] = [];
  #handled = 0;
  #retried = 0;
  #lost = 0;

  /** A handler is about to run. */
  began({ topic, attempt, userProperties }: MqttContext): void {
    if (attempt > 1) this.#retried += 1;
    if (attempt > 1 || LETTER in userProperties) return; // it is late for a reason
    const sent = Number(userProperties.sent);
    if (sent > 0) this.#latenciesMs.push(performance.timeOrigin + performance.now() - sent);
    const number = Number(userProperties.number);
    if (number > 0) this.#findGap(topic, number);
  }

  handled(): void {
    this.#handled += 1;
  }

  /** To be called once a second. */
  snapshot(): FlowSnapshot {
    const latencies = this.#latenciesMs.toSorted((a, b) => a - b);
    this.#latenciesMs = [];
    const latencyMs = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
    return { handled: this.#handled, retried: this.#retried, lost: this.#lost, latencyMs };
  }

  #findGap(topic: string, number: number): void {
    const latest = this.#latestNumbers.get(topic) ?? number - 1;
    this.#lost += Math.max(0, number - latest - 1);
    this.#latestNumbers.set(topic, Math.max(number, latest));
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
