import { Controller, Get, Inject, Param } from '@nestjs/common';
import { Payload, type ClientProxy } from '@nestjs/microservices';
import { MqttEventPattern, MqttMessagePattern, MqttRecord, TopicParam } from 'nestjs-mqtt';
import type { Observable } from 'rxjs';

/** The `transportId`s: which broker a handler is for. */
export const PLANT = Symbol('plant');
export const CLOUD = Symbol('cloud');

@Controller('machines')
export class MachinesController {
  readonly #states = new Map<string, unknown>();

  constructor(@Inject(CLOUD) private readonly cloud: ClientProxy) {}

  /** From the plant's broker to the cloud's: acknowledged there when it has been acknowledged here. */
  @MqttEventPattern('machines/{machine}/state', { transport: PLANT, qos: 1 })
  onState(@Payload() state: unknown, @TopicParam('machine') machine: string): Observable<unknown> {
    this.#states.set(machine, state);
    return this.cloud.emit(`fleet/oslo/${machine}/state`, new MqttRecord(state, { qos: 1 }));
  }

  @MqttMessagePattern('fleet/oslo/machines', { transport: CLOUD })
  machines(): string[] {
    return [...this.#states.keys()];
  }

  @Get(':machine')
  state(@Param('machine') machine: string): unknown {
    return this.#states.get(machine);
  }
}
