import { Inject, Injectable } from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import { MqttRecordBuilder, RemoteError } from 'nestjs-mqtt';
import { lastValueFrom, tap, type Observable } from 'rxjs';
import { Journal } from '../journal.js';
import { scoped } from '../scoped.js';

/** The token of the client. */
export const SITES = Symbol('sites');

/** A provider of another Nest application, which talks with the service and with devices. */
@Injectable()
export class Dashboard {
  /** How long each answered request took. */
  readonly roundTripsMs: number[] = [];

  constructor(
    @Inject(SITES) private readonly client: ClientProxy,
    private readonly journal: Journal,
  ) {}

  /** A request that the service may refuse. */
  async setTarget(room: string, celsius: number): Promise<void> {
    const topic = scoped(`rooms/${room}/target/set`);
    try {
      await this.#ask(topic, { celsius });
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this.journal.note('dashboard', 'refusal', topic, error.error);
    }
  }

  /** A request that a device answers, which knows nothing of Nest. */
  async setMode(thermostat: string, mode: string): Promise<void> {
    await this.#ask(scoped(`thermostats/${thermostat}/mode`), mode);
  }

  /** A request with many answers. */
  followConsumption(site: string, values: number): Observable<number> {
    const topic = scoped(`sites/${site}/consumption`);
    this.journal.note('dashboard', 'asks', topic, { values });
    return this.client
      .send<number>(topic, { values })
      .pipe(tap((wh) => this.journal.note('dashboard', 'total', topic, `${wh} Wh`)));
  }

  /** An event, for whoever has subscribed to it; resolves when the broker has acknowledged it. */
  async announce(text: string): Promise<void> {
    const topic = scoped('announcements');
    this.journal.note('dashboard', 'announces', topic, text);
    const record = new MqttRecordBuilder(text).setQoS(1).build();
    await lastValueFrom(this.client.emit(topic, record), { defaultValue: undefined });
  }

  /** Many requests, to see how long they take. */
  async pollTarget(room: string, times: number): Promise<void> {
    const topic = scoped(`rooms/${room}/target/get`);
    this.journal.note('dashboard', 'asks', topic, `${times} times, one after the other`);
    for (let time = 0; time < times; time += 1) await this.#send(topic, {});
  }

  async #ask(topic: string, data: unknown): Promise<void> {
    this.journal.note('dashboard', 'asks', topic, data);
    this.journal.note('dashboard', 'answer', topic, await this.#send(topic, data));
  }

  async #send(topic: string, data: unknown): Promise<unknown> {
    const begin = performance.now();
    const answer: unknown = await lastValueFrom(this.client.send(topic, data));
    this.roundTripsMs.push(performance.now() - begin);
    return answer;
  }
}
