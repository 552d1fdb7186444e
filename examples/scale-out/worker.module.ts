import { Controller, Inject, Module, type DynamicModule } from '@nestjs/common';
import { MqttEventPattern, TopicParam } from 'nestjs-mqtt';
import type { Subject } from 'rxjs';

export interface Handled {
  readonly job: string;
  readonly worker: string;
}

@Controller()
class JobsController {
  constructor(
    @Inject('WORKER') private readonly worker: string,
    @Inject('HANDLED') private readonly handled: Subject<Handled>,
  ) {}

  /** Subscribed to as `$share/workers/jobs/+`: the broker gives each message to one member of the group. */
  @MqttEventPattern('jobs/{job}', { qos: 1, shared: 'workers' })
  onJob(@TopicParam('job') job: string): void {
    this.handled.next({ job, worker: this.worker });
  }
}

@Module({})
export class WorkerModule {
  static register(worker: string, handled: Subject<Handled>): DynamicModule {
    return {
      module: WorkerModule,
      controllers: [JobsController],
      providers: [
        { provide: 'WORKER', useValue: worker },
        { provide: 'HANDLED', useValue: handled },
      ],
    };
  }
}
