import { Module, type DynamicModule } from '@nestjs/common';
import { ClientsModule } from '@nestjs/microservices';
import { ClientMqtt, type ClientMqttOptions } from 'nestjs-mqtt';
import { FleetBroker } from './broker/fleet-broker.js';
import { DeadLettersController } from './service/dead-letters.controller.js';
import { DeadLetters } from './service/dead-letters.js';
import { DevicesController } from './service/devices.controller.js';
import { Flow } from './service/flow.js';
import { HistoryController } from './service/history.controller.js';
import { LiftsController } from './service/lifts.controller.js';
import { MQTT } from './service/mqtt.js';
import { Readings } from './service/readings.js';
import { Statistics } from './service/statistics.js';
import { TelemetryController } from './service/telemetry.controller.js';
import { BROKER_URL, Fleet } from './simulation/fleet.js';
import { SimulationController } from './simulation/simulation.controller.js';

@Module({})
export class FleetModule {
  static register(broker: FleetBroker): DynamicModule {
    const options = {
      url: broker.url,
      protocolVersion: 5,
      clientId: 'service-client',
    } satisfies ClientMqttOptions;
    return {
      module: FleetModule,
      imports: [ClientsModule.register([{ name: MQTT, customClass: ClientMqtt, options }])],
      controllers: [
        TelemetryController,
        LiftsController,
        DeadLettersController,
        DevicesController,
        HistoryController,
        SimulationController,
      ],
      providers: [
        Readings,
        DeadLetters,
        Flow,
        Statistics,
        Fleet,
        { provide: FleetBroker, useValue: broker },
        { provide: BROKER_URL, useValue: broker.url },
      ],
    };
  }
}
