import { Module, type DynamicModule } from '@nestjs/common';
import { ClientsModule } from '@nestjs/microservices';
import { ClientMqtt, type ClientMqttOptions } from 'nestjs-mqtt';
import type { BrokerAddress } from '../broker.js';
import { Journal, journal } from '../journal.js';
import { scoped } from '../scoped.js';
import { Dashboard, SITES } from './dashboard.js';

@Module({})
export class DashboardModule {
  static register({ url, protocolVersion }: BrokerAddress): DynamicModule {
    const options = {
      url,
      protocolVersion,
      replyTopic: scoped('clients/{clientId}/replies'),
    } satisfies ClientMqttOptions;
    return {
      module: DashboardModule,
      imports: [ClientsModule.register([{ name: SITES, customClass: ClientMqtt, options }])],
      providers: [Dashboard, { provide: Journal, useValue: journal }],
    };
  }
}
