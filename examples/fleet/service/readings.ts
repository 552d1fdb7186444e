import { setTimeout } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { MQTT } from './mqtt.js';

/** What a sensor has measured, in the same form for all of them. */
export interface Reading {
  readonly value: number;
  readonly unit: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const KEPT = 240;
/** As long as a database would take. */
const WRITE_MS = 5;

/** The latest readings of each sensor; each new one is published to `readings/<device>/<quantity>`. */
@Injectable()
export class Readings {
  readonly #bySensor = new Map<string, Reading[]>();

  constructor(@Inject(MQTT) private readonly client: ClientProxy) {}

  async add(device: string, quantity: string, value: number, unit: string): Promise<void> {
    const sensor = `${device}/${quantity}`;
    const reading = { value, unit, at: Date.now() };
    await setTimeout(WRITE_MS);
    const kept = this.#bySensor.get(sensor) ?? [];
    this.#bySensor.set(sensor, [...kept.slice(1 - KEPT), reading]);
    await lastValueFrom(this.client.emit(`readings/${sensor}`, reading), { defaultValue: undefined });
  }

  all(): Readonly<Record<string, readonly Reading[]>> {
    return Object.fromEntries(this.#bySensor);
  }
}
