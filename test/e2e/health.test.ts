import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Inject, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  TerminusModule,
  type HealthCheckResult,
} from '@nestjs/terminus';
import {
  MqttConnection,
  MqttEventPattern,
  MqttModule,
  ServerMqtt,
  type MqttConnectionOptions,
} from 'nestjs-mqtt';
import { MqttHealthIndicator } from 'nestjs-mqtt/health';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { createClient, startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly mqtt: MqttHealthIndicator,
    private readonly connection: MqttConnection,
    @Inject(ServerMqtt) private readonly server: ServerMqtt,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.mqtt.isReady('mqtt', this.server, this.connection)]);
  }

  @Get('open')
  @HealthCheck()
  open(): Promise<HealthCheckResult> {
    return this.health.check([() => this.mqtt.isReady('mqtt')]);
  }

  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([() => this.mqtt.isAlive('mqtt', this.server)]);
  }

  @MqttEventPattern('sites/{site}')
  onSite(): void {}

  @MqttEventPattern('jobs/#')
  onJob(): void {}
}

@Module({ imports: [TerminusModule], controllers: [HealthController], providers: [MqttHealthIndicator] })
class AppModule {}

let logs: CapturedLogs;
beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('MqttHealthIndicator', ({ protocolVersion, start }) => {
  it('is up while there is a connection with all subscriptions, and makes none of its own', async () => {
    await using broker = await start();
    await using proxy = await startTcpProxy(broker);
    await using app = await startHttpApp({ url: proxy.url, protocolVersion });
    expect(await app.get('ready')).toMatchObject({
      code: 503,
      mqtt: { status: 'down', message: 'Not connected' },
    });
    expect(await app.get('open')).toMatchObject({
      code: 503,
      mqtt: { status: 'down', message: 'No server or client is open', connections: [] },
    });
    expect(await app.get('live')).toMatchObject({ code: 200 });
    await app.listen();
    const connection = {
      status: 'connected',
      connectedSince: expect.stringMatching(/^\d{4}-.*Z$/),
      subscriptions: { granted: 2, wanted: 2 },
    };
    expect(await app.get('ready')).toEqual({
      code: 200,
      mqtt: { status: 'up', connections: [connection, connection] },
    });
    expect(await app.get('open')).toEqual({ code: 200, mqtt: { status: 'up', connections: [connection] } });
    expect(proxy.connectionCount).toBe(1);
  });

  it('is down while the connection is lost, which is no reason to start the process again', async () => {
    await using broker = await start();
    await using proxy = await startTcpProxy(broker);
    await using app = await startHttpApp({ url: proxy.url, protocolVersion, reconnectPeriod: 20 });
    await app.listen();
    proxy.refuseConnections();
    proxy.cut();
    await until(async () => (await app.get('ready')).code === 503);
    expect(await app.get('open')).toMatchObject({
      code: 503,
      mqtt: { message: expect.stringMatching(/^Not connected: (Lost the|Cannot) connect/) },
    });
    expect(await app.get('live')).toMatchObject({ code: 200, mqtt: { status: 'up' } });
    proxy.acceptConnections();
    await until(async () => (await app.get('ready')).code === 200);
  });
});

describe('MqttHealthIndicator', () => {
  it('is down while a server does not listen, or closes, on a connection that others keep open', async () => {
    await using broker = await startAedes({ version: 5 });
    const connection = new MqttConnection({ url: broker.url, protocolVersion: 5 });
    await using client = createClient({ connection });
    await client.connect();
    const gate = closedGate();
    await using server = createServer(
      { connection, drainTimeoutMs: 1000 },
      { events: { a: () => gate.opened } },
    );
    const indicator = new MqttHealthIndicator(new HealthIndicatorService());
    const ready = () => indicator.isReady('mqtt', server).mqtt;
    const silent = { status: 'down', message: 'The server does not listen' };
    expect(ready()).toMatchObject(silent);
    await listen(server);
    expect(ready()).toMatchObject({ status: 'up' });
    await outcomeOf(client.emit('a', 1));
    await until(() => server.health().running === 1);
    const closing = server.close();
    expect(ready()).toMatchObject(silent);
    gate.open();
    await closing;
    expect(ready()).toMatchObject(silent);
    expect(indicator.isReady('mqtt', client).mqtt.status).toBe('up');
  });

  it('is down as long as a subscription is not granted', async () => {
    let granting = true;
    const authorizeSubscribe = (topic: string) => granting || topic !== 'sites/+';
    await using broker = await startAedes({ version: 5, authorizeSubscribe });
    await using app = await startHttpApp({ url: broker.url, protocolVersion: 5, reconnectPeriod: 20 });
    await app.listen();
    granting = false;
    broker.disconnectAll();
    const refused = { granted: 1, wanted: 2 };
    const message = expect.stringMatching(/^1 of 2 subscriptions granted: .*"sites\/\+"/) as unknown;
    await until(async () => {
      const { mqtt } = await app.get('ready');
      return String(mqtt['message']).startsWith('1 of 2');
    });
    expect(await app.get('ready')).toMatchObject({
      code: 503,
      mqtt: { status: 'down', message, connections: [{ status: 'connected', subscriptions: refused }, {}] },
    });
  });

  it('is not alive any more when the connection has ended for good', async () => {
    await using broker = await startAedes({ version: 5 });
    const options = { url: broker.url, protocolVersion: 5, clientId: 'billing' } as const;
    await using app = await startHttpApp(options);
    await app.listen();
    expect(await app.get('live')).toMatchObject({ code: 200 });
    await using _other = await startServer(options);
    await until(async () => (await app.get('live')).code === 503);
    expect((await app.get('live')).mqtt).toMatchObject({
      status: 'down',
      message: expect.stringMatching(/^The connection has ended for good: .*taken over the session/),
    });
    expect(await app.get('ready')).toMatchObject({ code: 503 });
  });

  it('asks what is open in the process, clients too', async () => {
    await using broker = await startAedes({ version: 5 });
    await using proxy = await startTcpProxy(broker);
    await using app = await startHttpApp({ url: broker.url, protocolVersion: 5 });
    await app.listen();
    await using _client = await startClient(proxy.url, { protocolVersion: 5 });
    expect((await app.get('open')).mqtt['connections']).toHaveLength(2);
    proxy.refuseConnections();
    proxy.cut();
    await until(async () => (await app.get('open')).code === 503);
    expect(await app.get('ready')).toMatchObject({ code: 200 });
  });
});

interface HttpApp extends AsyncDisposable {
  /** Starts the server, which the HTTP server does not wait for. */
  listen(): Promise<void>;
  get(path: string): Promise<{ readonly code: number; readonly mqtt: Record<string, unknown> }>;
}

/** An application with HTTP and a server that a health check can inject. */
async function startHttpApp(options: MqttConnectionOptions): Promise<HttpApp> {
  const server = {
    provide: ServerMqtt,
    inject: [MqttConnection],
    useFactory: (connection: MqttConnection) => new ServerMqtt({ connection }),
  };
  const providers = { module: AppModule, providers: [server], imports: [MqttModule.forRoot(options)] };
  const app: INestApplication = await NestFactory.create(providers, { logger: logs, abortOnError: false });
  app.connectMicroservice({ strategy: app.get(ServerMqtt) });
  const http = app.getHttpServer() as Server;
  await app.listen(0, '127.0.0.1');
  if (!http.listening) await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    listen: async () => void (await app.startAllMicroservices()),
    get: async (path) => {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`);
      const { details } = (await response.json()) as { details: { mqtt: Record<string, unknown> } };
      return { code: response.status, mqtt: details.mqtt };
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}
