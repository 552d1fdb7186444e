import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { MqttEventPattern, MqttMessagePattern, TopicParam } from 'nestjs-mqtt';
import { BehaviorSubject, take, type Observable } from 'rxjs';
import { scoped } from '../scoped.js';
import type { Reading } from './reading.js';

/** A stream: one request, many answers. */
@Controller()
export class ConsumptionController {
  readonly #totals = new Map<string, BehaviorSubject<number>>();

  /** The telemetry controller handles the same messages: every matching handler runs. */
  @MqttEventPattern(scoped('sites/{site}/meters/+/reading'))
  onReading(@Payload() { wh }: Reading, @TopicParam('site') site: string): void {
    const total = this.#totalOf(site);
    total.next(total.value + wh);
  }

  /** The total of a site, now and after each reading. */
  @MqttMessagePattern(scoped('sites/{site}/consumption'))
  follow(
    @Payload() { values }: { readonly values: number },
    @TopicParam('site') site: string,
  ): Observable<number> {
    return this.#totalOf(site).pipe(take(values));
  }

  #totalOf(site: string): BehaviorSubject<number> {
    const total = this.#totals.get(site) ?? new BehaviorSubject(0);
    this.#totals.set(site, total);
    return total;
  }
}
