import { Controller } from '@nestjs/common';
import { Payload, RpcException } from '@nestjs/microservices';
import { MqttMessagePattern, TopicParam } from 'nestjs-mqtt';
import { concatMap, delay, from, of, type Observable } from 'rxjs';

@Controller()
export class LiftsController {
  readonly #floors = new Map<string, number>();

  /** What is returned, or what a Promise resolves with, is the answer. */
  @MqttMessagePattern('lifts/{lift}/floor')
  floor(@TopicParam('lift') lift: string): number {
    return this.#floors.get(lift) ?? 0;
  }

  /** Each value of an Observable is an answer: a stream. What is thrown as an RpcException arrives, too. */
  @MqttMessagePattern('lifts/{lift}/go')
  go(@Payload() { floor }: { readonly floor: number }, @TopicParam('lift') lift: string): Observable<number> {
    if (floor > 5) throw new RpcException({ code: 'TOO_HIGH', message: 'there are 5 floors' });
    const start = this.#floors.get(lift) ?? 0;
    this.#floors.set(lift, floor);
    const passed = Array.from({ length: floor - start }, (_, index) => start + index + 1);
    return from(passed).pipe(concatMap((each) => of(each).pipe(delay(10))));
  }
}
