import { Controller, Get, Logger, Module, type DynamicModule } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule, type HealthCheckResult } from '@nestjs/terminus';
import { MqttEventPattern, ServerMqtt, TopicParam, type ServerMqttOptions } from 'nestjs-mqtt';
import { MqttHealthIndicator } from 'nestjs-mqtt/health';
import { setTimeout } from 'node:timers/promises';

const JOB_MS = 200;

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly mqtt: MqttHealthIndicator,
    private readonly server: ServerMqtt,
  ) {}

  /** Whether it can work now. */
  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.mqtt.isReady('mqtt', this.server)]);
  }

  /** Whether it is of any use to wait. */
  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([() => this.mqtt.isAlive('mqtt', this.server)]);
  }
}

@Controller()
export class JobsController {
  readonly #logger = new Logger(JobsController.name);

  /** Each job goes to one of the instances. */
  @MqttEventPattern('jobs/{job}', { qos: 1, shared: 'workers' })
  async onJob(@TopicParam('job') job: string): Promise<void> {
    this.#logger.log(`job ${job} begins`);
    await setTimeout(JOB_MS);
    this.#logger.log(`job ${job} has ended`);
  }
}

@Module({})
export class ServiceModule {
  static register(options: ServerMqttOptions): DynamicModule {
    return {
      module: ServiceModule,
      imports: [TerminusModule.forRoot({ logger: false })], // no line for each probe
      controllers: [HealthController, JobsController],
      providers: [MqttHealthIndicator, { provide: ServerMqtt, useFactory: () => new ServerMqtt(options) }],
    };
  }
}
