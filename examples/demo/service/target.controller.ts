import { Controller } from '@nestjs/common';
import { Payload, RpcException } from '@nestjs/microservices';
import { MqttMessagePattern, Topic, TopicParam } from 'nestjs-mqtt';
import { Journal } from '../journal.js';
import { scoped } from '../scoped.js';

export interface Target {
  readonly celsius: number;
}

/** Requests: the target temperature of a room. */
@Controller()
export class TargetController {
  readonly #targets = new Map<string, Target>();

  constructor(private readonly journal: Journal) {}

  @MqttMessagePattern(scoped('rooms/{room}/target/set'))
  set(@Payload() target: Target, @TopicParam('room') room: string, @Topic() topic: string): Target {
    const { celsius } = target;
    if (celsius < 5 || celsius > 30) {
      throw new RpcException({ code: 'OUT_OF_RANGE', message: `${celsius} °C is not within 5 and 30 °C` });
    }
    this.#targets.set(room, target);
    this.journal.note('service', 'target', topic, `${celsius} °C in the ${room}`);
    return target;
  }

  @MqttMessagePattern(scoped('rooms/{room}/target/get'))
  get(@TopicParam('room') room: string): Target | undefined {
    return this.#targets.get(room);
  }
}
