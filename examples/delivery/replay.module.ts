import { Controller, Inject, Module } from '@nestjs/common';
import { ClientsModule, Ctx, type ClientProxy } from '@nestjs/microservices';
import { ClientMqtt, MqttContext, MqttEventPattern, readDeadLetter, replayOf } from 'nestjs-mqtt';

@Controller()
class ReplayController {
  constructor(@Inject('MQTT') private readonly client: ClientProxy) {}

  /** The dead letter is acknowledged when its message has been published again: `emit` is awaited. */
  @MqttEventPattern('dead-letters', { qos: 1, onFailure: 'withhold' })
  replay(@Ctx() context: MqttContext) {
    const { topic, error, attempts } = readDeadLetter(context);
    console.log(`replays ${topic}, given up after ${attempts} runs: ${error}`);
    return this.client.emit(...replayOf(context));
  }
}

@Module({
  imports: [
    ClientsModule.register([
      { name: 'MQTT', customClass: ClientMqtt, options: { url: process.env.MQTT_URL } },
    ]),
  ],
  controllers: [ReplayController],
})
export class ReplayModule {}
