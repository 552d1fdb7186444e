import { Controller, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { NestMicroservice } from '@nestjs/microservices';
import { defer, from, lastValueFrom, toArray, type Observable } from 'rxjs';
import { MqttContext, MqttEventPattern, MqttMessagePattern } from '../../src/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { fence } from '../support/fence.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

type PreRequestHook = (context: ExecutionContext, next: () => Observable<unknown>) => Observable<unknown>;

/** What Nest 12 has and Nest 11 has not. */
interface WithPreRequestHooks {
  registerPreRequestHook(hook: PreRequestHook): void;
}

const steps: string[] = [];

class RecordingGuard implements CanActivate {
  canActivate(): boolean {
    steps.push('guard');
    return true;
  }
}

@Controller()
@UseGuards(RecordingGuard)
class HookedController {
  @MqttEventPattern('event')
  event(): void {
    steps.push('event handler');
  }

  @MqttMessagePattern('request')
  request(): string {
    steps.push('message handler');
    return 'answer';
  }

  @MqttMessagePattern('stream')
  stream(): Observable<number> {
    return from([1, 2, 3]);
  }

  @MqttMessagePattern('nothing')
  nothing(): void {}
}

const describeWithHooks = 'registerPreRequestHook' in NestMicroservice.prototype ? describe : describe.skip;

describeWithHooks('a pre-request hook', () => {
  describeOnBrokers('of the application', ({ protocolVersion, start }) => {
    const hook: PreRequestHook = (context, next) =>
      defer(() => {
        steps.push(`hook ${context.switchToRpc().getContext<MqttContext>().topic}`);
        return next();
      });
    const startService = (url: string) =>
      startApp({
        controllers: [HookedController],
        server: { url, protocolVersion },
        configure: (app) => (app as unknown as WithPreRequestHooks).registerPreRequestHook(hook),
      });

    beforeEach(() => {
      steps.length = 0;
    });

    it('runs before the guards of an event handler', async () => {
      await using broker = await start();
      await using _service = await startService(broker.url);
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.publish('event', 'x');
      await until(() => steps.length === 3);
      expect(steps).toEqual(['hook event', 'guard', 'event handler']);
    });

    it('leaves the answers to requests as they are, with one message for each value', async () => {
      await using broker = await start();
      await using _service = await startService(broker.url);
      await using device = await connectDevice(broker.url, { protocolVersion });
      await using client = await startClient(broker.url, { protocolVersion });
      await device.subscribe('clients/+/replies', { qos: 0 });
      const answers = (topic: string) => lastValueFrom(client.send<unknown>(topic, 'x').pipe(toArray()));
      expect(await answers('request')).toEqual(['answer']);
      expect(steps).toEqual(['hook request', 'guard', 'message handler']);
      expect(await answers('nothing')).toEqual([]);
      expect(await answers('stream')).toEqual([1, 2, 3]);
      await fence(device, { qos: 0 });
      expect(device.received).toHaveLength(1 + 1 + 3);
    });
  });
});
