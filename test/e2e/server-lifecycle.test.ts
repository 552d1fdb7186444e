import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { MqttClient } from 'mqtt';
import {
  ConfigurationError,
  ConnectionError,
  MqttEventPattern,
  MqttStatus,
  ServerMqtt,
  TopicParam,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { freePort } from '../support/free-port.js';
import { startApp } from '../support/start-app.js';
import { until } from '../support/until.js';

const received: unknown[] = [];

@Controller()
class EventsController {
  @EventPattern('events')
  event(@Payload() data: unknown): void {
    received.push(data);
  }
}

beforeEach(() => {
  received.length = 0;
});

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as Error,
  );

describeOnBrokers('a server', ({ protocolVersion, start }) => {
  it('is subscribed when listen() resolves', async () => {
    await using broker = await start();
    await using _app = await startApp({
      controllers: [EventsController],
      server: { url: broker.url, protocolVersion },
    });
    await using device = await connectDevice(broker.url);
    await device.publish('events', '1');
    await until(() => received.length === 1);
  });

  it('tells its status, and gives out its client and the events of it', async () => {
    await using broker = await start();
    const server = new ServerMqtt({ url: broker.url, protocolVersion });
    const statuses: MqttStatus[] = [];
    const events: string[] = [];
    server.status.subscribe((status) => statuses.push(status));
    server.on('connect', () => events.push('connect'));
    expect(() => server.unwrap()).toThrow('Not initialized');
    using _logs = captureLogs();
    await new Promise<unknown>((resolve) => server.listen(resolve));
    expect(server.unwrap()).toBeInstanceOf(MqttClient);
    await server.close();
    expect(statuses).toEqual([MqttStatus.CONNECTED, MqttStatus.CLOSED]);
    expect(events).toEqual(['connect']);
    expect(() => server.unwrap()).toThrow('Not initialized');
  });

  it('may listen again after close(), and close() may be called at any time', async () => {
    await using broker = await start();
    using _logs = captureLogs();
    const server = new ServerMqtt({ url: broker.url, protocolVersion });
    server.addHandler('events', async (data: unknown) => Promise.resolve(received.push(data)), true);
    await server.close();
    for (const round of [1, 2]) {
      const error = await new Promise<unknown>((resolve) => server.listen(resolve));
      expect(error).toBeUndefined();
      await using device = await connectDevice(broker.url);
      await device.publish('events', String(round));
      await until(() => received.length === round);
      await Promise.all([server.close(), server.close()]);
    }
  });
});

describe('a connection that is lost', () => {
  it.each([4, 5] as const)('is made again with its subscriptions (version %d)', async (version) => {
    await using broker = await startAedes({ version });
    await using app = await startApp({
      controllers: [EventsController],
      server: { url: broker.url, protocolVersion: version, reconnectPeriod: 20 },
    });
    const statuses: MqttStatus[] = [];
    app.server.status.subscribe((status) => statuses.push(status));
    broker.disconnectAll();
    await until(() => statuses.length === 4);
    expect(statuses).toEqual(['connected', 'closed', 'reconnecting', 'connected']);
    await until(() => broker.subscribed().length === 2, { message: 'the second SUBSCRIBE' });
    await using device = await connectDevice(broker.url);
    await until(async () => {
      await device.publish('events', '1');
      return received.length > 0;
    });
    expect(app.logs.warnings()).toEqual([`Lost the connection to ${broker.url}, connecting again`]);
  });

  it.each([4, 5] as const)(
    'is not subscribed again if the session was kept (version %d)',
    async (version) => {
      await using broker = await startAedes({ version });
      const session = {
        clean: false,
        clientId: 'kept',
        ...(version === 5 && { properties: { sessionExpiryInterval: 60 } }),
      };
      await using app = await startApp({
        controllers: [EventsController],
        server: { url: broker.url, protocolVersion: version, reconnectPeriod: 20, ...session },
      });
      const connected = new Promise((resolve) => app.server.on('connect', resolve));
      broker.disconnectAll();
      expect(await connected).toMatchObject({ sessionPresent: true });
      await using device = await connectDevice(broker.url);
      await device.publish('events', '1', { qos: 1 });
      await until(() => received.length === 1);
      expect(broker.subscribed()).toHaveLength(1);
    },
  );

  it('does not keep close() from ending', async () => {
    const broker = await startAedes({ version: 4 });
    const app = await startApp({ controllers: [EventsController], server: { url: broker.url } });
    const lost = new Promise((resolve) => app.server.on('close', () => resolve(undefined)));
    await broker[Symbol.asyncDispose]();
    await lost;
    await expect(app.close()).resolves.toBeUndefined();
    await app[Symbol.asyncDispose]();
  });
});

describe('a broker that is not there', () => {
  it('is waited for, with one line in the log', async () => {
    const port = await freePort();
    using logs = captureLogs();
    const listening = startApp({
      controllers: [EventsController],
      server: { url: `mqtt://127.0.0.1:${port}`, reconnectPeriod: 10 },
      logs,
    });
    await until(() => logs.errors().length > 0);
    await using _broker = await startAedes({ version: 4, port });
    await using _app = await listening;
    expect(logs.errors()).toEqual([
      `Cannot connect to mqtt://127.0.0.1:${port} (connect ECONNREFUSED 127.0.0.1:${port}); trying again`,
    ]);
    expect(logs.messages('log')).toContain(`Connected to mqtt://127.0.0.1:${port}`);
  });

  it('is given up after maxConnectionAttempts', async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const error = await failureOf(
      startApp({ server: { url, reconnectPeriod: 10, maxConnectionAttempts: 3 } }),
    );
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      code: 'ERR_MQTT_CONNECTION',
      url,
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('that speaks something else is told apart', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await failureOf(startApp({ server: { url, maxConnectionAttempts: 1 } })).finally(() =>
      server.close(),
    );
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error?.message).toBe(
      `Cannot connect to ${url} (Invalid header flag bits, must be 0x0 for pubrec packet: is this an MQTT broker?)`,
    );
  });
});

describe('a connection that the broker refuses', () => {
  it.each([
    [4, 5, '0x05 Not authorized'],
    [5, 0x87, '0x87 Not authorized'],
  ] as const)('makes listen() reject at once (version %d)', async (version, reasonCode, reason) => {
    await using broker = await startAedes({ version, authenticate: () => false });
    const error = await failureOf(startApp({ server: { url: broker.url, protocolVersion: version } }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ reasonCode, message: `Cannot connect to ${broker.url} (${reason})` });
  });

  it('for its MQTT version says what to try', async () => {
    await using broker = await startAedes({ version: 4 });
    const error = await failureOf(startApp({ server: { url: broker.url, protocolVersion: 5 } }));
    expect(error).toMatchObject({
      reasonCode: 1,
      message: `Cannot connect to ${broker.url} (0x01 Unacceptable protocol version: try another protocolVersion, 4 for MQTT 3.1.1 or 5)`,
    });
  });

  it('keeps credentials out of messages', async () => {
    await using broker = await startAedes({ version: 4, authenticate: () => false });
    const url = broker.url.replace('mqtt://', 'mqtt://user:secret@');
    expect((await failureOf(startApp({ server: { url } })))?.message).not.toContain('secret');
  });
});

describe('a mistake in the code', () => {
  it.each(['localhost:1883', 'http://localhost', ''])('in the url ("%s") shows at construction', (url) => {
    expect(() => new ServerMqtt({ url })).toThrow(ConfigurationError);
    expect(() => new ServerMqtt({ url })).toThrow(
      `"${url}" is no address of a broker: it must begin with mqtt://, mqtts://, ws:// or wss://`,
    );
  });

  it('in the session shows at construction', () => {
    expect(() => new ServerMqtt({ clean: false })).toThrow('needs a clientId');
  });

  it.each<[string, MethodDecorator, string]>([
    [
      'filter',
      MqttEventPattern('a/#/b'),
      'BadController.handle: The Topic Filter "a/#/b" is invalid: "#" must be the whole last level [MQTT-4.7.1-1]',
    ],
    [
      "filter of Nest's decorator",
      EventPattern<string>('a/b+'),
      '@EventPattern("a/b+"): The Topic Filter "a/b+" is invalid: "+" must be a whole level [MQTT-4.7.1-2]',
    ],
    ['pattern', MessagePattern(undefined), 'The pattern must be a string or an object, not undefined'],
    ['QoS', MqttEventPattern('a', { qos: 3 as 2 }), 'BadController.handle: qos must be 0, 1 or 2, not 3'],
    [
      'retainHandling',
      MqttEventPattern('a', { retainHandling: 9 as 2 }),
      'BadController.handle: retainHandling must be 0, 1 or 2, not 9',
    ],
    [
      'noLocal',
      MqttEventPattern('$share/g/a', { noLocal: true }),
      'BadController.handle: noLocal cannot be had on a Shared Subscription [MQTT-3.8.3-4]',
    ],
  ])("in a handler's %s makes listen() reject, naming the handler", async (_, decorator, message) => {
    class BadController {
      handle(): void {}
    }
    Controller()(BadController);
    const descriptor = Object.getOwnPropertyDescriptor(BadController.prototype, 'handle')!;
    decorator(BadController.prototype, 'handle', descriptor);
    const error = await failureOf(startApp({ controllers: [BadController], server: {} }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error?.message).toContain(message);
  });

  it.each([
    ['meters/{meter}/{channel}', '{meter}, {channel}'],
    ['${prefix}/+', '{site}'],
    ['meters/+', 'none'],
  ])(
    'in the name of a level of "%s" makes listen() reject, with those that there are',
    async (pattern, known) => {
      @Controller()
      class MetersController {
        @MqttEventPattern(pattern)
        handle(@TopicParam('metre') _meter: string): void {}
      }
      const server = { topicVariables: { prefix: 'sites/{site}' } };
      const error = await failureOf(startApp({ controllers: [MetersController], server }));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error?.message).toBe(
        `MetersController.handle: @TopicParam("metre") is no named level of the pattern, which has ${known}`,
      );
    },
  );

  it('is not a name that one of several patterns has', async () => {
    const meters: unknown[] = [];
    @Controller()
    class MetersController {
      @MqttEventPattern(['meters/{meter}', 'meters'])
      handle(@TopicParam('meter') meter: string | undefined): void {
        meters.push(meter);
      }
    }
    await using broker = await startAedes({ version: 4 });
    await using _app = await startApp({ controllers: [MetersController], server: { url: broker.url } });
    await using device = await connectDevice(broker.url);
    await device.publish('meters/7', '1');
    await device.publish('meters', '1');
    await until(() => meters.length === 2);
    expect(meters).toEqual(expect.arrayContaining(['7', undefined]));
  });
});
