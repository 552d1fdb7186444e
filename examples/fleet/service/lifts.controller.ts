import { Controller, UseInterceptors } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { MqttContext, MqttEventPattern, RetriableError, TopicParam } from 'nestjs-mqtt';
import { DEAD_LETTERS, DeadLetters } from './dead-letters.js';
import { FlowInterceptor } from './flow.interceptor.js';
import { LiftPipe, type Lift } from './lift.js';
import { Readings } from './readings.js';

/** What the crane lifts, which needs papers. */
@Controller()
@UseInterceptors(FlowInterceptor)
export class LiftsController {
  readonly #papers = new Set<string>();

  constructor(
    private readonly readings: Readings,
    private readonly deadLetters: DeadLetters,
  ) {}

  @MqttEventPattern('harbour/{office}/papers', { qos: 1 })
  onPapers(@Payload() { container }: { readonly container: string }): void {
    this.#papers.add(container);
  }

  /** Papers may be late: three runs, half a second and a second apart. Then it becomes a dead letter. */
  @MqttEventPattern('harbour/{crane}/lifts', {
    qos: 1,
    retry: { attempts: 3, delayMs: 500 },
    deadLetter: DEAD_LETTERS,
  })
  async onLift(
    @Payload(LiftPipe) { container, tonnes }: Lift,
    @TopicParam('crane') crane: string,
    @Ctx() context: MqttContext,
  ): Promise<void> {
    if (!this.#papers.has(container)) throw new RetriableError(`${container} has no papers`);
    this.#papers.delete(container);
    await this.readings.add(crane, 'load', tonnes, 't');
    this.deadLetters.handled(context);
  }
}
