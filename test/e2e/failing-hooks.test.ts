import { Controller } from '@nestjs/common';
import { lastValueFrom } from 'rxjs';
import { MqttEventPattern, MqttMessagePattern } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const calls: string[] = [];

@Controller()
class HookedController {
  @MqttEventPattern('event')
  event(): void {
    calls.push('event');
  }

  @MqttMessagePattern('request')
  request(): string {
    return 'answer';
  }
}

function fail(): never {
  throw new Error('no span');
}

describeOnBrokers('a processing hook that fails', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;

  beforeEach(async () => {
    calls.length = 0;
    broker = await start();
    const server = { url: broker.url, protocolVersion };
    service = await startApp({ controllers: [HookedController], server });
  });
  afterEach(async () => {
    await service[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  const request = async (): Promise<unknown> => {
    await using client = await startClient(broker.url, { protocolVersion });
    return await until(
      () => lastValueFrom(client.send<unknown>('request', 'x')).catch((reason: unknown) => reason),
      { deadlineMs: 1000, message: 'an answer' },
    );
  };

  it.each<[string, () => void]>([
    ['throws', fail],
    ['rejects', async () => Promise.resolve().then(fail)],
  ])('at the start (%s) fails the message, and the service goes on', async (_, hook) => {
    service.server.setOnProcessingStartHook(hook);
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('event', 'x');
    await until(() => service.logs.errors().length > 0, { deadlineMs: 1000, message: 'a log line' });
    expect(service.logs.errors()).toEqual(['HookedController.event failed on "event": no span']);
    expect(calls).toEqual([]);
    expect(await request()).toMatchObject({ message: 'Internal server error' });
    service.server.setOnProcessingStartHook((_transportId, _context, done) => void done());
    expect(await request()).toBe('answer');
  });

  it('at the end changes nothing about the message, and the service goes on', async () => {
    service.server.setOnProcessingEndHook(fail);
    expect(await request()).toBe('answer');
    expect(await request()).toBe('answer');
  });
});
