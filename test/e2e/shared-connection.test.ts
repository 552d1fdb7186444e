import { join } from 'node:path';
import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule, Payload, type ClientProxy } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import {
  ClientMqtt,
  ConfigurationError,
  ConnectionError,
  InjectMqttConnection,
  jsonCodec,
  MqttConnection,
  MqttEventPattern,
  MqttMessagePattern,
  MqttModule,
  ServerMqtt,
  SubscriptionError,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { freePort } from '../support/free-port.js';
import { outcomeOf } from '../support/outcome-of.js';
import { packetsOf } from '../support/packets.js';
import { createServer, listen } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { createTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;
beforeAll(() => void (logs = captureLogs()));
afterAll(() => logs[Symbol.dispose]());

describeOnBrokers('a shared connection', ({ protocolVersion, start }) => {
  let broker: Broker;
  beforeAll(async () => void (broker = await start({ denied: true })));
  afterAll(() => broker[Symbol.asyncDispose]());

  it('serves a server and several clients, each with its own messages, and ends with the last of them', async () => {
    const proxy = await startTcpProxy(broker);
    await using _proxy = proxy;
    const connection = new MqttConnection({ url: proxy.url, protocolVersion, reconnectPeriod: 20 });
    const handled: unknown[] = [];
    const server = createServer(
      { connection },
      {
        events: { 'shared/event': (data) => handled.push(data) },
        messages: { 'shared/echo': (data) => data },
      },
    );
    const [one, other] = [new ClientMqtt({ connection }), new ClientMqtt({ connection })];
    await listen(server);
    await Promise.all([one.connect(), other.connect()]);
    const answers = await Promise.all(
      [one, other].map((client) => lastValueFrom(client.send('shared/echo', 'hello'))),
    );
    expect(answers).toEqual(['hello', 'hello']);
    await lastValueFrom(one.emit('shared/event', 1), { defaultValue: undefined });
    await until(() => handled.includes(1));
    expect(proxy.connectionCount).toBe(1);

    await server.close();
    await one.close();
    expect(connection.health().status).toBe('connected');
    await other.close();
    expect(connection.health()).toMatchObject({ status: 'closed', connectedSince: undefined });
    expect(logs.warnings().filter((line) => /No handler|no reply/.test(line))).toEqual([]);
  });

  it('is made again for all of them, and the requests that were sent fail', async () => {
    await using proxy = await startTcpProxy(broker);
    const connection = new MqttConnection({ url: proxy.url, protocolVersion, reconnectPeriod: 20 });
    await using server = createServer(
      { connection },
      {
        messages: { 'again/echo': (data) => data, 'again/never': () => new Promise(() => undefined) },
      },
    );
    await listen(server);
    const client = new ClientMqtt({ connection });
    expect(await lastValueFrom(client.send('again/echo', 1))).toBe(1);
    const lost = outcomeOf(client.send('again/never', 1));
    await until(() => server.health().running === 1);
    proxy.cut();
    expect(await lost).toBeInstanceOf(ConnectionError);
    expect(await lastValueFrom(client.send('again/echo', 2))).toBe(2);
    await client.close();
  });

  it('stays for the others when one of them is refused a subscription', async () => {
    const connection = new MqttConnection({ url: broker.url, protocolVersion });
    const client = new ClientMqtt({ connection });
    await client.connect();
    const server = createServer({ connection }, { events: { 'denied/a': () => 1 } });
    const failure = await outcomeOf(listen(server));
    // a 3.1.1 Aedes closes the connection over it
    expect([SubscriptionError, ConnectionError]).toContainEqual((failure as Error).constructor);
    await using device = await connectDevice(broker.url);
    await device.subscribe('stays');
    await lastValueFrom(client.emit('stays', 1), { defaultValue: undefined });
    await device.next('stays');
    await client.close();
  });

  it('is not waited for by who closes it, and ends with the others', async () => {
    const port = await freePort();
    const connection = new MqttConnection({ url: `mqtt://127.0.0.1:${port}`, reconnectPeriod: 20 });
    const server = createServer({ connection }, { events: { a: () => 1 } });
    const [one, other] = [new ClientMqtt({ connection }), new ClientMqtt({ connection })];
    const ended = [outcomeOf(one.connect()), outcomeOf(listen(server))];
    const connected = other.connect();
    await Promise.all([one.close(), server.close()]);
    expect(await Promise.all(ended)).toEqual([expect.any(ConnectionError), expect.any(ConnectionError)]);

    await using _broker = await startAedes({ version: 4, port });
    await connected;
    expect(connection.health().subscriptions.wanted).toBe(0);
    await other.close();
    expect(connection.health().status).toBe('closed');
  });

  it('that is lost is not waited for by who closes it', async () => {
    await using proxy = await startTcpProxy(broker);
    const connection = new MqttConnection({ url: proxy.url, protocolVersion, reconnectPeriod: 20 });
    const [one, other] = [new ClientMqtt({ connection }), new ClientMqtt({ connection })];
    await other.connect();
    proxy.refuseConnections();
    proxy.cut();
    await until(() => connection.health().status !== 'connected');
    const server = createServer({ connection }, { events: { a: () => 1 } });
    const ended = [outcomeOf(listen(server)), outcomeOf(one.send('a', 1))];
    await Promise.all([one.close(), server.close()]);
    expect(await Promise.all(ended)).toEqual([expect.any(ConnectionError), expect.any(ConnectionError)]);
    await other.close();
    expect(connection.health().status).toBe('closed');
  });

  it('with an outbox is not opened for who has closed it', async () => {
    await using folder = await createTemporaryFolder();
    const outbox = { path: join(folder.path, 'outbox') };
    const connection = new MqttConnection({ url: broker.url, protocolVersion, outbox });
    const [one, other] = [new ClientMqtt({ connection }), new ClientMqtt({ connection })];
    const connecting = other.connect();
    const ended = outcomeOf(one.connect());
    await one.close();
    expect(await ended).toBeInstanceOf(ConnectionError);
    await connecting;
    await other.close();
    expect(connection.health().status).toBe('closed');
  });

  it('keeps what a kept session brings for a server that does not listen', async () => {
    const handled: unknown[] = [];
    const waitingLines = () =>
      logs.warnings().filter((line) => line.includes('waits for a server that does not listen')).length;
    const share = () => {
      const connection = new MqttConnection({
        url: broker.url,
        protocolVersion,
        clientId: 'shared',
        clean: false,
        ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
      });
      const work = {
        events: { 'work/a': (data: unknown) => handled.push(data) },
        options: { qos: 1 },
      } as const;
      return {
        connection,
        client: new ClientMqtt({ connection }),
        server: createServer({ connection }, work),
      };
    };
    const before = waitingLines();
    await using device = await connectDevice(broker.url);
    const first = share();
    await listen(first.server);
    await first.client.connect();
    await first.server.close();
    await device.publish('work/a', '1', { qos: 1 });
    await until(() => waitingLines() === before + 1);
    await first.client.close();

    const second = share();
    await second.client.connect();
    await until(() => waitingLines() === before + 2);
    expect(handled).toEqual([]);
    await listen(second.server);
    await until(() => handled.length > 0);
    expect(handled).toEqual([1]);
    await second.client.close();
    await second.server.close();
  });

  it('refuses what is an option of the connection', () => {
    const connection = new MqttConnection({ url: broker.url });
    expect(() => new ClientMqtt({ connection, url: broker.url })).toThrow(ConfigurationError);
    expect(() => new ServerMqtt({ connection, clientId: 'a', clean: false })).toThrow(/clientId, clean/);
    expect(() => new ClientMqtt({ connection, maxQos: 'downgrade' })).toThrow(/maxQos/);
    expect(() => new ServerMqtt({ connection, connectTimeout: 5 })).toThrow(/connectTimeout/);
    expect(() => new ServerMqtt({ connection, qos: 1, url: undefined })).not.toThrow();
    expect(() => new ServerMqtt({ connection: {} as MqttConnection })).toThrow(/must be an MqttConnection/);
  });

  it('tells how it is', async () => {
    const connection = new MqttConnection({ url: broker.url, protocolVersion });
    expect(connection.health()).toEqual({
      status: 'closed',
      connectedSince: undefined,
      subscriptions: { granted: 0, wanted: 0 },
      lastError: undefined,
      givenUp: false,
    });
    await using server = createServer({ connection }, { events: { a: () => 1, 'b/#': () => 1 } });
    await listen(server);
    const health = server.health();
    expect(health).toMatchObject({
      status: 'connected',
      subscriptions: { granted: 2, wanted: 2 },
      listening: true,
      running: 0,
      waiting: 0,
      dropped: 0,
      expired: 0,
    });
    expect(Date.now() - health.connectedSince!.getTime()).toBeLessThan(5000);
    expect(() => connection.unwrap()).not.toThrow();
  });

  describe('as a module', () => {
    @Module({})
    class UrlModule {}

    @Injectable()
    class Asker {
      constructor(
        @Inject('CLIENT') readonly client: ClientProxy,
        readonly connection: MqttConnection,
        @InjectMqttConnection('second') readonly second: MqttConnection,
      ) {}
    }

    @Controller()
    class EchoController {
      readonly events: unknown[] = [];

      @MqttMessagePattern('${prefix}/echo')
      echo(@Payload() data: unknown): unknown {
        return data;
      }

      @MqttEventPattern('${prefix}/events/{name}')
      event(@Payload() data: unknown): void {
        this.events.push(data);
      }
    }

    it('is injected where it is asked for, and closed with the application', async () => {
      @Module({
        imports: [
          MqttModule.forRootAsync({
            inject: ['BROKER_URL'],
            imports: [
              {
                module: UrlModule,
                providers: [{ provide: 'BROKER_URL', useValue: broker.url }],
                exports: ['BROKER_URL'],
              },
            ],
            useFactory: (url: string) => ({ url, protocolVersion }),
          }),
          MqttModule.forRoot({ name: 'second', url: broker.url }),
          ClientsModule.registerAsync([
            {
              name: 'CLIENT',
              inject: [MqttConnection],
              useFactory: (connection: MqttConnection) => ({
                customClass: ClientMqtt,
                options: { connection },
              }),
            },
          ]),
        ],
        providers: [Asker],
        controllers: [EchoController],
      })
      class AppModule {}

      const app = await NestFactory.create(AppModule, { logger: logs, abortOnError: false });
      const connection = app.get(MqttConnection);
      const prefix = `module/${protocolVersion}`;
      app.connectMicroservice({ strategy: new ServerMqtt({ connection, topicVariables: { prefix } }) });
      await app.startAllMicroservices();
      const asker = app.get(Asker);
      expect(await firstValueFrom(asker.client.send(`${prefix}/echo`, 'hi'))).toBe('hi');
      asker.client.emit(`${prefix}/events/one`, 1);
      await until(() => app.get(EchoController).events.length === 1);
      expect([asker.connection, asker.second === connection]).toEqual([connection, false]);
      await app.close();
      expect(connection.health().status).toBe('closed');
    });
  });

  it('fails listen() for a pattern whose variable has no value', async () => {
    const server = createServer(
      { url: broker.url, topicVariables: { site: 'a' } },
      { events: { '${prefix}/x': () => 1 } },
    );
    const failure = (await outcomeOf(listen(server))) as Error;
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure.message).toContain('"${prefix}" has no value in topicVariables, which has site');
  });
});

describeOnBrokers('subscriptions at run time', ({ kind, protocolVersion, start }) => {
  let broker: Broker;
  beforeAll(async () => void (broker = await start({ denied: true })));
  afterAll(() => broker[Symbol.asyncDispose]());

  it('of a server are handled as by handlers, until they end', async () => {
    await using server = createServer({ url: broker.url, protocolVersion });
    await listen(server);
    await using device = await connectDevice(broker.url);
    const seen: unknown[] = [];
    let fails = true;
    const subscription = await server.subscribe<number>(
      'run/{site}/value',
      (data, { params, attempt }) => {
        seen.push([params, data, attempt]);
        if (fails) throw new Error('once');
      },
      { qos: 1, retry: { attempts: 2, delayMs: 1 } },
    );
    expect(subscription.filter).toBe('run/+/value');
    await device.publish('run/oslo/value', '1', { qos: 1 });
    await until(() => seen.length === 1);
    fails = false;
    await until(() => seen.length === 2);
    expect(seen).toEqual([
      [{ site: 'oslo' }, 1, 1],
      [{ site: 'oslo' }, 1, 2],
    ]);
    await subscription.unsubscribe();
    await device.publish('run/oslo/value', '2', { qos: 1 });
    await server.subscribe('run/fence', (data) => seen.push(data), { qos: 1 });
    await device.publish('run/fence', '"behind it"', { qos: 1 });
    await until(() => seen.length > 2);
    expect(seen.slice(2)).toEqual(['behind it']);
    expect(server.health().subscriptions).toEqual({ granted: 1, wanted: 1 });
  });

  it('of a server leave to a handler what a wider one covered for a while', async () => {
    const handled: unknown[] = [];
    await using server = createServer(
      { url: broker.url, protocolVersion },
      { events: { 'wide/+': (data) => handled.push(data) } },
    );
    await listen(server);
    const wider = await server.subscribe('wide/#', () => undefined);
    await wider.unsubscribe();
    await using device = await connectDevice(broker.url);
    await device.publish('wide/a', '1', { qos: 1 });
    await until(() => handled.length > 0);
    expect(handled).toEqual([1]);
  });

  it('of a server are there again after a reconnect', async () => {
    await using proxy = await startTcpProxy(broker);
    await using server = createServer({ url: proxy.url, protocolVersion, reconnectPeriod: 20 });
    await listen(server);
    const seen: unknown[] = [];
    await server.subscribe('again/value', (data) => seen.push(data));
    proxy.cut();
    await until(() => proxy.connectionCount === 2 && server.health().subscriptions.granted === 1);
    await using device = await connectDevice(broker.url);
    await device.publish('again/value', '1', { qos: 1 });
    await until(() => seen.length === 1);
  });

  it('of a server that does not listen fail', async () => {
    await using server = createServer({ url: broker.url, protocolVersion });
    expect(await outcomeOf(server.subscribe('a', () => 1))).toBeInstanceOf(ConnectionError);
  });

  // Aedes closes a 3.1.1 connection over a refused subscription
  (kind === 'aedes' ? it.skip : it)('that are refused fail, and leave the others', async () => {
    await using server = createServer({ url: broker.url, protocolVersion }, { events: { a: () => 1 } });
    await listen(server);
    const client = new ClientMqtt({ url: broker.url, protocolVersion });
    expect(await outcomeOf(server.subscribe('denied/a', () => 1))).toBeInstanceOf(SubscriptionError);
    expect(await outcomeOf(client.messages('denied/a'))).toBeInstanceOf(SubscriptionError);
    expect(server.health().subscriptions).toEqual({ granted: 1, wanted: 1 });
    await client.close();
  });

  it('of a client last as long as they are observed', async () => {
    const client = new ClientMqtt({ url: broker.url, protocolVersion });
    await using device = await connectDevice(broker.url);
    await device.publish('state/oslo', '"on"', { qos: 1, retain: true });
    const { data, context } = await firstValueFrom(client.messages<string>('state/{site}', { qos: 1 }));
    expect([data, context.params, context.retain, context.qos]).toEqual(['on', { site: 'oslo' }, true, 1]);
    await until(() => client.health().subscriptions.granted === 0);
    await client.clearRetained('state/oslo');
    const later: unknown[] = [];
    const subscription = client.messages('state/#').subscribe((message) => later.push(message.data));
    await until(() => client.health().subscriptions.granted === 1);
    await device.publish('state/bergen', '"off"', { qos: 1 });
    await until(() => later.length > 0);
    expect(later).toEqual(['off']);
    subscription.unsubscribe();
    await client.close();
  });

  it('of a client give what a kept session has for them', async () => {
    const session = {
      url: broker.url,
      protocolVersion,
      clientId: 'listener',
      clean: false,
      ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
    };
    const before = new ClientMqtt(session);
    before.messages('kept/a', { qos: 1 }).subscribe();
    await until(() => before.health().subscriptions.granted === 1);
    before.unwrap().stream.destroy();
    await before.close();
    await using device = await connectDevice(broker.url);
    await device.publish('kept/a', '1', { qos: 1 });
    const client = new ClientMqtt(session);
    const { data } = await firstValueFrom(client.messages('kept/a', { qos: 1 }));
    expect(data).toBe(1);
    await client.close();
  });

  it('of a client complete when it is closed', async () => {
    const client = new ClientMqtt({ url: broker.url, protocolVersion });
    const messages = lastValueFrom(client.messages('never').pipe(toArray()));
    await until(() => client.health().subscriptions.granted === 1);
    await client.close();
    expect(await messages).toEqual([]);
  });

  // Aedes' beta sends one of the identifiers only, against [MQTT-3.3.4-3]
  const identifies = kind === 'mosquitto' || protocolVersion === 4;
  (identifies ? it : it.skip)(
    'of a client give several observers of one filter each message once',
    async () => {
      const client = new ClientMqtt({ url: broker.url, protocolVersion });
      const [one, other]: [unknown[], unknown[]] = [[], []];
      client.messages('several').subscribe(({ data }) => one.push(data));
      client.messages('several').subscribe(({ data }) => other.push(data));
      client.messages('+').subscribe(({ data }) => other.push(data));
      await until(() => client.health().subscriptions.granted === (protocolVersion === 5 ? 2 : 1));
      await using device = await connectDevice(broker.url);
      await device.publish('several', '1', { qos: 1 });
      await until(() => one.length + other.length === 3);
      expect([one, other]).toEqual([[1], [1, 1]]);
      await client.close();
    },
  );

  it('of a client reject what cannot be read, and let the observer decide', async () => {
    await using proxy = await startTcpProxy(broker);
    const client = new ClientMqtt({ url: proxy.url, protocolVersion, codec: jsonCodec });
    const acknowledgements = () =>
      packetsOf(proxy, protocolVersion).flatMap((packet) =>
        packet.cmd === 'puback' && packet.direction === 'toBroker' ? [packet.reasonCode ?? 0] : [],
      );
    const contexts: { acknowledge(): void }[] = [];
    client.messages('decide', { qos: 1, ack: 'manual' }).subscribe(({ context }) => contexts.push(context));
    await until(() => client.health().subscriptions.granted === 1);
    await using device = await connectDevice(broker.url);
    await device.publish('decide', '1', { qos: 1 });
    await until(() => contexts.length === 1);
    expect(acknowledgements()).toEqual([]);
    contexts[0]!.acknowledge();
    await device.publish('decide', 'no JSON', { qos: 1 });
    await until(() => acknowledgements().length === 2);
    expect([acknowledgements(), contexts.length]).toEqual([[0, protocolVersion === 5 ? 0x99 : 0], 1]);
    expect(() => client.messages('a/#/b')).toThrow(ConfigurationError);
    expect(() => client.messages('a', { ack: 'odd' as never })).toThrow(/ack must be/);
    await client.close();
  });
});
