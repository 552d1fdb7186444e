import { Controller } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { MqttContext, MqttEventPattern, MqttMessagePattern, TopicParam } from 'nestjs-mqtt';
import { DEAD_LETTERS, DeadLetters } from './dead-letters.js';

/** The page asks by MQTT: any MQTT 5 client can. */
@Controller()
export class DeadLettersController {
  constructor(private readonly letters: DeadLetters) {}

  @MqttEventPattern(DEAD_LETTERS, { qos: 1 })
  onDeadLetter(@Ctx() context: MqttContext): void {
    this.letters.add(context);
  }

  @MqttMessagePattern('service/dead-letters/{letter}/replay', { qos: 1 })
  async replay(@TopicParam('letter') id: string): Promise<{ readonly replayed: string }> {
    await this.letters.replay(id);
    return { replayed: id };
  }

  @MqttMessagePattern('service/dead-letters/{letter}/discard', { qos: 1 })
  discard(@TopicParam('letter') id: string): { readonly discarded: string } {
    this.letters.discard(id);
    return { discarded: id };
  }
}
