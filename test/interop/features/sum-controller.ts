import { Controller, type Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { MqttMessagePattern } from '../../../src/index.js';

/** Answers requests on `<topic>/sum` with the sum of the numbers. */
export function sumController(topic: string): Type {
  @Controller()
  class SumController {
    @MqttMessagePattern(`${topic}/sum`, { qos: 1 })
    sum(@Payload() numbers: readonly number[]): number {
      return numbers.reduce((sum, number) => sum + number, 0);
    }
  }
  return SumController;
}
