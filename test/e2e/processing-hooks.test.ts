import { AsyncLocalStorage } from 'node:async_hooks';
import { Controller } from '@nestjs/common';
import { Payload, RpcException, Transport } from '@nestjs/microservices';
import { concat, defer, from, lastValueFrom, tap, throwError, toArray, type Observable } from 'rxjs';
import { MqttContext, MqttEventPattern, MqttMessagePattern } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const steps: string[] = [];
const currentTopic = new AsyncLocalStorage<string>();

@Controller()
class HookedController {
  @MqttEventPattern('event/plain')
  plain(): void {
    steps.push(`handle in ${currentTopic.getStore()}`);
  }

  @MqttEventPattern('event/promise')
  async promise(): Promise<void> {
    steps.push('begin');
    await Promise.resolve();
    steps.push('settle');
  }

  @MqttEventPattern('event/observable')
  observable(): Observable<unknown> {
    const later = defer(async () => Promise.resolve(3));
    return concat(from([1, 2]), later).pipe(
      tap({ next: (value) => steps.push(`value ${value}`), complete: () => steps.push('complete') }),
    );
  }

  @MqttEventPattern('event/twice')
  one(): void {
    steps.push('one');
  }

  @MqttEventPattern('event/twice')
  two(): void {
    steps.push('two');
  }

  @MqttEventPattern('event/failing')
  failing(): never {
    throw new RpcException('failed');
  }

  @MqttEventPattern('event/failing-later')
  failingLater(): Observable<never> {
    return throwError(() => new RpcException('failed'));
  }

  @MqttMessagePattern('request/plain')
  request(): string | undefined {
    return currentTopic.getStore();
  }

  @MqttMessagePattern('request/stream')
  stream(): Observable<number> {
    return from([1, 2, 3]).pipe(tap((value) => steps.push(`value ${value}`)));
  }

  @MqttMessagePattern('request/failing')
  failingRequest(): never {
    throw new RpcException('failed');
  }

  @MqttMessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }
}

describeOnBrokers('processing hooks', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;

  beforeAll(async () => {
    broker = await start();
    const server = { url: broker.url, protocolVersion };
    service = await startApp({ controllers: [HookedController], server });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    steps.length = 0;
    service.logs.lines.length = 0;
    service.server.setOnProcessingStartHook((transportId, context, done) => {
      const { topic } = context as MqttContext;
      steps.push(`start ${topic} ${String(transportId)}`);
      void currentTopic.run(topic, done);
    });
    service.server.setOnProcessingEndHook((transportId, context) => {
      steps.push(`end ${(context as MqttContext).topic} ${String(transportId)}`);
    });
  });

  const handle = async (topic: string) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish(topic, 'x');
    await until(() => steps.some((step) => step.startsWith('end')));
    await answered();
  };
  const request = async (topic: string): Promise<unknown> => {
    await using client = await startClient(broker.url, { protocolVersion });
    return await lastValueFrom(client.send<unknown>(topic, 'x').pipe(toArray())).catch(
      (reason: unknown) => reason,
    );
  };
  /** Shows that the service is up, and leaves no steps behind. */
  const answered = async () => {
    const before = steps.length;
    expect(await request('echo')).toEqual(['x']);
    expect(steps.splice(before)).toEqual([`start echo ${Transport.MQTT}`, `end echo ${Transport.MQTT}`]);
  };
  const around = (topic: string, ...inside: readonly string[]) => [
    `start ${topic} ${Transport.MQTT}`,
    ...inside,
    `end ${topic} ${Transport.MQTT}`,
  ];

  it.each([
    ['plain', ['handle in event/plain']],
    ['promise', ['begin', 'settle']],
    ['observable', ['value 1', 'value 2', 'value 3', 'complete']],
    ['failing', []],
    ['failing-later', []],
  ])('run once around an event handler, until it has settled (%s)', async (name, inside) => {
    await handle(`event/${name}`);
    expect(steps).toEqual(around(`event/${name}`, ...inside));
  });

  it('run around each handler of a message', async () => {
    await handle('event/twice');
    await until(() => steps.length === 6);
    expect(steps.toSorted()).toEqual(
      [...around('event/twice', 'one'), ...around('event/twice', 'two')].toSorted(),
    );
  });

  it.each<[string, string[], unknown]>([
    ['plain', [], ['request/plain']],
    ['stream', ['value 1', 'value 2', 'value 3'], [1, 2, 3]],
    ['failing', [], expect.objectContaining({ message: 'failed' })],
  ])('run once around a message handler, until it has answered (%s)', async (name, inside, answer) => {
    expect(await request(`request/${name}`)).toEqual(answer);
    await until(() => steps.some((step) => step.startsWith('end')));
    expect(steps).toEqual(around(`request/${name}`, ...inside));
    await answered();
  });
});
