import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { lastValueFrom, toArray } from 'rxjs';
import {
  ConfigurationError,
  MqttEventPattern,
  MqttMessagePattern,
  SubscriptionError,
  TopicParam,
  type ServerMqttOptions,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

type Calls = string[];

const NUMBERS = Array.from({ length: 20 }, (_, index) => String(index));

@Controller()
class WorkersController {
  constructor(@Inject('CALLS') private readonly calls: Calls) {}

  @MqttEventPattern('$share/g/by-pattern/{id}', { shared: 'ignored' })
  byPattern(@TopicParam('id') id: string): void {
    this.calls.push(`by-pattern ${id}`);
  }

  @MqttEventPattern('by-option/{id}', { shared: 'g' })
  byOption(@TopicParam('id') id: string): void {
    this.calls.push(`by-option ${id}`);
  }

  @MqttEventPattern('by-server/{id}')
  byServer(@TopicParam('id') id: string): void {
    this.calls.push(`by-server ${id}`);
  }

  @MqttEventPattern('opted-out/{id}', { shared: false })
  optedOut(@TopicParam('id') id: string): void {
    this.calls.push(`opted-out ${id}`);
  }

  @MqttMessagePattern('shout', { shared: 'g' })
  shout(@Payload() text: string): string {
    this.calls.push(`shout ${text}`);
    return text.toUpperCase();
  }
}

@Controller()
class MixedController {
  @MqttEventPattern('$share/g/mixed/+')
  shared(): void {}

  @MqttEventPattern('mixed/#')
  plain(): void {}
}

@Controller()
class NoLocalController {
  @MqttEventPattern('a', { shared: 'g', noLocal: true })
  a(): void {}
}

@Controller()
class NestController {
  @MessagePattern('$share/g/nest/+')
  nest(@Payload() data: unknown): unknown {
    return data;
  }
}

describeOnBrokers(
  'a Shared Subscription',
  ({ protocolVersion, start }) => {
    let broker: Broker;

    beforeEach(async () => {
      broker = await start();
    });
    afterEach(() => broker[Symbol.asyncDispose]());

    const startWorkers = async (options: ServerMqttOptions = {}) => {
      const calls: Calls = [];
      const app = await startApp({
        controllers: [WorkersController],
        providers: [{ provide: 'CALLS', useValue: calls }],
        server: { url: broker.url, protocolVersion, ...options },
      });
      return Object.assign(app, { calls });
    };
    /** Publishes a message for each number, and resolves when `receivers` have handled what was published. */
    const publishAll = async (name: string, ...receivers: readonly { readonly calls: Calls }[]) => {
      await using device = await connectDevice(broker.url, { protocolVersion });
      for (const number of NUMBERS) await device.publish(`${name}/${number}`, 'x');
      await device.publish('opted-out/end', 'x');
      await until(() => receivers.every(({ calls }) => calls.includes('opted-out end')));
      return receivers.map(({ calls }) =>
        calls.splice(0).flatMap((call) => (call.startsWith(name) ? call.slice(name.length + 1) : [])),
      );
    };

    it.each<[string, string, ServerMqttOptions]>([
      ['the pattern', 'by-pattern', {}],
      ['an option of the handler', 'by-option', {}],
      ['an option of the server', 'by-server', { shared: 'g' }],
      ['the pattern rather than the server', 'by-pattern', { shared: 'other' }],
    ])('by %s gives each message to one service', async (_, name, options) => {
      await using one = await startWorkers(options);
      await using other = await startWorkers(options);
      const [first = [], second = []] = await publishAll(name, one, other);
      expect([...first, ...second].toSorted()).toEqual(NUMBERS.toSorted());
      expect(first.length).toBeGreaterThan(0);
      expect(second.length).toBeGreaterThan(0);
    });

    it('is not one if the handler opts out', async () => {
      await using one = await startWorkers({ shared: 'g' });
      await using other = await startWorkers({ shared: 'g' });
      const received = await publishAll('opted-out', one, other);
      expect(received).toEqual([
        [...NUMBERS, 'end'],
        [...NUMBERS, 'end'],
      ]);
    });

    it('gives each message to each group', async () => {
      await using one = await startWorkers({ shared: 'one' });
      await using other = await startWorkers({ shared: 'other' });
      expect(await publishAll('by-server', one, other)).toEqual([NUMBERS, NUMBERS]);
    });

    it('gives everything to the services that are left', async () => {
      await using one = await startWorkers();
      await using other = await startWorkers();
      await one.close();
      expect(await publishAll('by-option', other)).toEqual([NUMBERS]);
    });

    it('has a request answered once', async () => {
      await using one = await startWorkers();
      await using other = await startWorkers();
      await using client = await startClient(broker.url, { protocolVersion });
      const answers = await Promise.all(
        NUMBERS.map((number) => lastValueFrom(client.send(`shout`, `a${number}`).pipe(toArray()))),
      );
      expect(answers).toEqual(NUMBERS.map((number) => [`A${number}`]));
      expect(one.calls.length).toBeGreaterThan(0);
      expect(other.calls.length).toBeGreaterThan(0);
    });

    it("works in the pattern of Nest's own decorator", async () => {
      await using _service = await startApp({
        controllers: [NestController],
        server: { url: broker.url, protocolVersion },
      });
      await using client = await startClient(broker.url, { protocolVersion });
      expect(await lastValueFrom(client.send('nest/a', 1))).toBe(1);
    });

    it('leaves out a noLocal that the server has as a default', async () => {
      await using service = await startWorkers({ shared: 'g', noLocal: true });
      expect(await publishAll('by-server', service)).toEqual([NUMBERS]);
    });

    it('is warned about where a message does not say which of two filters it matched', async () => {
      const server = { url: broker.url, protocolVersion };
      await using service = await startApp({ controllers: [MixedController], server });
      const warning = expect.stringContaining('"mixed/#" goes to every member of the group "g"');
      expect(service.logs.warnings()).toEqual(protocolVersion === 4 ? [warning] : []);
    });
  },
  { only: ({ kind }) => kind === 'mosquitto' },
);

describe('a Shared Subscription that cannot be had', () => {
  it('is refused when the broker says that it has none, naming the filter', async () => {
    await using broker = await startAedes({ version: 5 });
    using logs = captureLogs();
    const starting = startApp({
      controllers: [MixedController],
      server: { url: broker.url, protocolVersion: 5 },
      logs,
    });
    const error: unknown = await starting.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SubscriptionError);
    expect(error).toMatchObject({
      message: expect.stringContaining('"$share/g/mixed/+"'),
      refused: [{ filter: '$share/g/mixed/+' }],
    });
    expect(broker.subscribed()).toEqual([]);
    await until(() => broker.broker.connectedClients === 0);
  });

  it('is a ConfigurationError with noLocal', async () => {
    await using broker = await startAedes({ version: 4 });
    using logs = captureLogs();
    const starting = startApp({ controllers: [NoLocalController], server: { url: broker.url }, logs });
    await expect(starting).rejects.toBeInstanceOf(ConfigurationError);
    await expect(starting).rejects.toThrow('NoLocalController.a: noLocal');
  });
});
