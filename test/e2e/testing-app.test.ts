import { Controller, Inject, Injectable, Module, ParseIntPipe } from '@nestjs/common';
import { ClientsModule, Payload, type ClientProxy } from '@nestjs/microservices';
import {
  ClientMqtt,
  ConfigurationError,
  ConnectionError,
  MqttEventPattern,
  MqttMessagePattern,
  SubscriptionError,
  TopicParam,
} from 'nestjs-mqtt';
import { createMqttTestingApp, MqttTestBroker, type MqttTestingAppOptions } from 'nestjs-mqtt/testing';
import { firstValueFrom } from 'rxjs';
import { answersConnect } from '../support/answers-connect.js';
import { captureLogs } from '../support/capture-logs.js';
import { createAedes } from '../support/create-aedes.js';
import { connectDevice } from '../support/device.js';
import { until } from '../support/until.js';

abstract class Store {
  abstract save(meter: string, kwh: number): Promise<void>;
}

@Injectable()
class Database extends Store {
  save(): Promise<void> {
    return Promise.reject(new Error('there is no database'));
  }
}

@Controller()
class MetersController {
  constructor(
    private readonly store: Store,
    @Inject('MQTT') private readonly mqtt: ClientProxy,
  ) {}

  @MqttEventPattern('meters/{meter}/reading', { qos: 1, shared: 'meters' })
  async onReading(@Payload('kwh') kwh: number, @TopicParam('meter') meter: string): Promise<void> {
    await this.store.save(meter, kwh);
    if (kwh > 10)
      await firstValueFrom(this.mqtt.emit(`alarms/${meter}`, { kwh }), { defaultValue: undefined });
  }

  @MqttMessagePattern('$share/meters/double')
  double(@Payload(ParseIntPipe) number: number): number {
    return number * 2;
  }
}

@Module({
  imports: [
    ClientsModule.register([
      { name: 'MQTT', customClass: ClientMqtt, options: { url: 'mqtt://broker.invalid' } },
    ]),
  ],
  controllers: [MetersController],
  providers: [{ provide: Store, useClass: Database }],
})
class MetersModule {}

class MemoryStore extends Store {
  readonly saved: [meter: string, kwh: number][] = [];

  override async save(meter: string, kwh: number): Promise<void> {
    this.saved.push([meter, kwh]);
    return Promise.resolve();
  }
}

describe.each([4, 5] as const)('createMqttTestingApp, version %i', (protocolVersion) => {
  let broker: MqttTestBroker;

  beforeEach(async () => {
    broker = await MqttTestBroker.start({ aedes: createAedes(protocolVersion) });
  });
  afterEach(() => broker.close());

  const startMeters = async (options: MqttTestingAppOptions = {}) => {
    const store = new MemoryStore();
    const service = await createMqttTestingApp({
      imports: [MetersModule],
      broker,
      server: { protocolVersion },
      override: (builder, { client }) =>
        builder.overrideProvider(Store).useValue(store).overrideProvider('MQTT').useValue(client),
      ...options,
    });
    return Object.assign(service, { store });
  };

  it('runs the handlers of a module, with providers overridden', async () => {
    await using service = await startMeters();
    await service.broker.publish('meters/7/reading', { kwh: 12 });
    expect(await service.broker.waitFor('alarms/+')).toMatchObject({ topic: 'alarms/7', data: { kwh: 12 } });
    expect(service.store.saved).toEqual([['7', 12]]);
  });

  it('has a client for requests, and gives the providers of any module', async () => {
    await using service = await startMeters();
    expect(await firstValueFrom(service.client.send('double', 21))).toBe(42);
    expect(service.get(Store)).toBe(service.store);
    expect(service.get(MetersController)).toBeInstanceOf(MetersController);
    expect(service.get('MQTT')).toBe(service.client);
  });

  it('says when handlers have ended, each end once', async () => {
    await using service = await startMeters();
    await broker.publish('meters/7/reading', { kwh: 1 }, { qos: 1 });
    const context = await service.handled('meters/{meter}/reading');
    expect([context.params, context.qos]).toEqual([{ meter: '7' }, 1]);
    expect(service.store.saved).toEqual([['7', 1]]);
    await broker.publish('meters/8/reading', { kwh: 1 });
    expect((await service.handled('meters/#')).params).toEqual({ meter: '8' });
    await expect(service.handled('meters/#', { timeoutMs: 10 })).rejects.toThrow(
      'No handler ended with a message to "meters/#" within 10 ms. What came:\n  "meters/7/reading" (waited for before)',
    );
  });

  it('says so too when a handler has failed, and when a pipe has refused', async () => {
    using logs = captureLogs();
    await using service = await startMeters({ override: (builder) => builder.setLogger(logs) });
    await broker.publish('meters/7/reading', { kwh: 1 });
    await service.handled('meters/7/reading');
    expect(logs.errors()).toContainEqual(expect.stringContaining('there is no database'));
    await expect(firstValueFrom(service.client.send('double', 'x'))).rejects.toThrow('Internal server error');
    await service.handled('double');
  });

  it('goes on after the connections were lost', async () => {
    using logs = captureLogs();
    await using service = await startMeters({ override: (builder) => builder.setLogger(logs) });
    broker.disconnectAll();
    await broker.publish('meters/7/reading', { kwh: 1 }, { retain: true }); // for whoever subscribes again
    await service.handled('meters/7/reading');
    expect(logs.warnings().some((line) => line.startsWith('Lost the connection'))).toBe(true);
  });

  it('leaves open a broker that it was given', async () => {
    const service = await startMeters();
    await service.close();
    await service[Symbol.asyncDispose]();
    await expect(answersConnect(broker.port)).resolves.toBe(true);
  });

  it('takes the options of server and client, but for their addresses', async () => {
    const elsewhere = { url: 'mqtt://broker.invalid', host: 'broker.invalid', port: 1 };
    await using service = await startMeters({
      server: { protocolVersion, ...elsewhere, clientId: 'the-server', qos: 1 },
      client: { protocolVersion, ...elsewhere, clientId: 'the-client' },
    });
    expect(await firstValueFrom(service.client.send('double', 2))).toBe(4);
    expect(broker.published.map(({ clientId }) => clientId)).toEqual(['the-client', 'the-server']);
  });
});

describe('createMqttTestingApp', () => {
  it('starts and closes a broker of its own', async () => {
    const service = await createMqttTestingApp();
    await using _device = await connectDevice(service.broker.url);
    await service.close();
    await expect(answersConnect(service.broker.port)).resolves.toBe(false);
  });

  it('configures the application before it listens', async () => {
    const seen: string[] = [];
    await using service = await createMqttTestingApp({
      controllers: [Greeter],
      configure: (app) => app.useGlobalPipes({ transform: (value: string) => (seen.push(value), value) }),
    });
    expect(await firstValueFrom(service.client.send('greet', 'Ada'))).toBe('Hello Ada');
    expect(seen).toEqual(['Ada']);
  });

  it.each<[string, MqttTestingAppOptions, unknown]>([
    ['a module that does not compile', { controllers: [MetersController] }, expect.any(Error)],
    ['an invalid option', { server: { maxQueued: -1 } }, expect.any(ConfigurationError)],
    ['a version of MQTT that Aedes has not', { server: { protocolVersion: 5 } }, expect.any(ConnectionError)],
  ])('rejects with what is wrong with %s', async (_, options, error) => {
    await expect(createMqttTestingApp(options)).rejects.toEqual(error);
  });

  it('closes everything when it fails', async () => {
    const aedes = await createAedes(4);
    await using broker = await MqttTestBroker.start({ aedes });
    broker.refuse('greet');
    using logs = captureLogs();
    const starting = createMqttTestingApp({
      controllers: [Greeter],
      broker,
      override: (builder) => builder.setLogger(logs),
    });
    await expect(starting).rejects.toBeInstanceOf(SubscriptionError);
    await until(() => aedes.connectedClients === 0);
  });
});

@Controller()
class Greeter {
  @MqttMessagePattern('greet')
  greet(@Payload() name: string): string {
    return `Hello ${name}`;
  }
}
