import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { ClientsModule, Payload, type ClientProxy } from '@nestjs/microservices';
import { ClientMqtt, MqttEventPattern, MqttMessagePattern, TopicParam } from 'nestjs-mqtt';
import { lastValueFrom } from 'rxjs';

@Injectable()
export class ReadingStore {
  add(_meter: string, _kwh: number): Promise<void> {
    return Promise.reject(new Error('A database, which a test has not'));
  }
}

@Controller()
export class MetersController {
  constructor(
    private readonly store: ReadingStore,
    @Inject('MQTT') private readonly mqtt: ClientProxy,
  ) {}

  @MqttEventPattern('meters/{meter}/reading', { qos: 1 })
  async onReading(
    @Payload() { kwh }: { readonly kwh: number },
    @TopicParam('meter') meter: string,
  ): Promise<void> {
    await this.store.add(meter, kwh);
    if (kwh > 100) await lastValueFrom(this.mqtt.emit(`alarms/${meter}`, `${kwh} kWh at once`));
  }

  @MqttMessagePattern('tariff/at')
  tariffAt(@Payload() { hour }: { readonly hour: number }): 'day' | 'night' {
    return hour >= 6 && hour < 22 ? 'day' : 'night';
  }
}

@Module({
  imports: [
    ClientsModule.register([
      { name: 'MQTT', customClass: ClientMqtt, options: { url: process.env.MQTT_URL } },
    ]),
  ],
  controllers: [MetersController],
  providers: [ReadingStore],
})
export class MetersModule {}
