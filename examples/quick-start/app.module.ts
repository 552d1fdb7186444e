import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { MqttEventPattern, MqttMessagePattern, TopicParam } from 'nestjs-mqtt';

@Controller()
class MetersController {
  readonly #totals = new Map<string, number>();

  /** An event: what a meter publishes. */
  @MqttEventPattern('sites/{site}/meters/{meter}/reading', { qos: 1 })
  onReading(
    @Payload() { kwh }: { readonly kwh: number },
    @TopicParam('site') site: string,
    @TopicParam('meter') meter: string,
  ): void {
    console.log(`meter ${meter} in ${site}: ${kwh} kWh`);
    this.#totals.set(site, (this.#totals.get(site) ?? 0) + kwh);
  }

  /** A request: what is returned is the answer. */
  @MqttMessagePattern('sites/{site}/total')
  total(@TopicParam('site') site: string): number {
    return this.#totals.get(site) ?? 0;
  }
}

@Module({ controllers: [MetersController] })
export class AppModule {}
