import { RpcException } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { MqttConnection, MqttRecord } from 'nestjs-mqtt';
import { MqttInstrumentation } from 'nestjs-mqtt/opentelemetry';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { createClient, startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { Telemetry } from '../support/telemetry.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;
let telemetry: Telemetry;
let instrumentation: MqttInstrumentation;
beforeEach(() => {
  logs = captureLogs();
  telemetry = new Telemetry();
  const { tracerProvider, meterProvider } = telemetry;
  const destinationTemplate = (topic: string) => topic;
  instrumentation = new MqttInstrumentation({ tracerProvider, meterProvider, destinationTemplate });
});
afterEach(async () => {
  instrumentation.disable();
  await telemetry[Symbol.asyncDispose]();
  logs[Symbol.dispose]();
});

describeOnBrokers("OpenTelemetry's metrics", ({ protocolVersion, start }) => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const options = () => ({ url: broker.url, protocolVersion });
  const server = () => ({
    'messaging.system': 'mqtt',
    'messaging.system.name': 'mqtt',
    'server.address': '127.0.0.1',
    'server.port': broker.port,
  });

  it('measure what is sent and handled', async () => {
    const messages = { add: (data: unknown) => (data as number) + 1 };
    const events = {
      poison: () => {
        throw new RpcException('no');
      },
    };
    const handlerOptions = { retry: { attempts: 2, delayMs: 1 }, deadLetter: 'graves' };
    await using _server = await startServer(options(), { messages, events, options: handlerOptions });
    await using client = await startClient(broker.url, { protocolVersion });
    await lastValueFrom(client.send('add', 1));
    await lastValueFrom(client.send('add', 2));
    await outcomeOf(client.emit('poison', 1));
    await until(async () => (await telemetry.points('nestjs_mqtt.dead_letters')).length > 0);
    const common = { ...server(), 'messaging.operation.type': 'send' };
    const sent = await telemetry.points('messaging.client.sent.messages');
    const byOperation = Object.fromEntries(
      sent.map(({ value, attributes }) => [attributes['messaging.operation.name'], point(value, attributes)]),
    );
    const templated = (operation: string, template: string) => ({
      ...common,
      'messaging.operation.name': operation,
      'messaging.destination.template': template,
    });
    expect(byOperation).toEqual({
      request: point(2, templated('request', 'add')),
      reply: point(2, { ...common, 'messaging.operation.name': 'reply' }),
      publish: point(1, templated('publish', 'poison')),
      dead_letter: point(1, { ...common, 'messaging.operation.name': 'dead_letter' }),
    });
    expect(sent).toHaveLength(4);
    const durations = await telemetry.points('messaging.client.operation.duration');
    expect(durations).toHaveLength(2);
    expect(durations[0]).toMatchObject(point({ count: 2 }, { 'messaging.operation.name': 'request' }));
    const template = (name: string) => ({ 'messaging.destination.template': name });
    expect(await telemetry.points('messaging.client.consumed.messages')).toMatchObject([
      point(2, template('add')),
      point(1, template('poison')),
    ]);
    expect(await telemetry.points('messaging.process.duration')).toMatchObject([
      point({ count: 2 }, { ...template('add'), 'nestjs_mqtt.outcome': 'handled' }),
      point(
        { count: 2 },
        { ...template('poison'), 'nestjs_mqtt.outcome': 'failed', 'error.type': 'RpcException' },
      ),
    ]);
    expect(await telemetry.points('nestjs_mqtt.handler.wait.duration')).toMatchObject([
      point({ count: 2 }, template('add')),
      point({ count: 1 }, template('poison')),
    ]);
    expect(await telemetry.points('nestjs_mqtt.handler.retries')).toMatchObject([
      point(1, template('poison')),
    ]);
    expect(await telemetry.points('nestjs_mqtt.dead_letters')).toMatchObject([point(1, template('poison'))]);
  });

  it('have an error.type for a request that is not run, as its span has', async () => {
    await using _server = await startServer(
      { ...options(), allowResponseTopic: 'elsewhere' },
      { messages: { ask: () => 1 } },
    );
    await using client = await startClient(broker.url, { protocolVersion });
    await outcomeOf(client.send('ask', new MqttRecord(1, { timeoutMs: 50 })));
    await telemetry.ended(2);
    const attributes = { 'nestjs_mqtt.outcome': 'unanswerable', 'error.type': 'unanswerable' };
    expect(await telemetry.points('messaging.process.duration')).toMatchObject([
      point({ count: 1 }, attributes),
    ]);
    expect(telemetry.spans.find(({ name }) => name === 'process ask')).toMatchObject({ attributes });
  });

  it('tell how servers and clients are, added up by their role', async () => {
    const gate = closedGate();
    const messages = { slow: () => gate.opened };
    await using _server = await startServer(
      { ...options(), concurrency: 2 },
      { messages, events: { a: () => 1 } },
    );
    await using client = await startClient(broker.url, { protocolVersion });
    await using _other = await startClient(broker.url, { protocolVersion });
    const answers = [1, 2, 3].map((data) =>
      lastValueFrom(client.send('slow', data), { defaultValue: undefined }),
    );
    const gauge = async (name: string): Promise<Record<string, unknown>> =>
      Object.fromEntries(
        (await telemetry.points(name))
          .filter(({ attributes }) => attributes['server.port'] === broker.port)
          .map(({ attributes, value }) => [attributes['nestjs_mqtt.role'] as string, value]),
      );
    await until(async () => (await gauge('nestjs_mqtt.messages.waiting'))['server'] === 1);
    expect(await gauge('nestjs_mqtt.instances')).toEqual({ server: 1, client: 2 });
    expect(await gauge('nestjs_mqtt.instances.connected')).toEqual({ server: 1, client: 2 });
    expect(await gauge('nestjs_mqtt.subscriptions.wanted')).toEqual({ server: 3, client: 1 });
    expect(await gauge('nestjs_mqtt.subscriptions.granted')).toEqual({ server: 3, client: 1 });
    expect(await gauge('nestjs_mqtt.handlers.running')).toEqual({ server: 2 });
    expect(await gauge('nestjs_mqtt.requests.pending')).toEqual({ client: 3 });
    gate.open();
    await Promise.all(answers);
    expect(await gauge('nestjs_mqtt.requests.pending')).toEqual({ client: 0 });
  });
});

describe("OpenTelemetry's metrics", () => {
  it('count the subscriptions of a shared connection once for each role', async () => {
    await using broker = await startAedes({ version: 5 });
    const connection = new MqttConnection({ url: broker.url, protocolVersion: 5 });
    await using _server = await startServer({ connection }, { events: { a: () => 1, b: () => 1 } });
    await using client = createClient({ connection });
    await using other = createClient({ connection });
    await Promise.all([client.connect(), other.connect()]);
    const server = { 'nestjs_mqtt.role': 'server' };
    const clients = { 'nestjs_mqtt.role': 'client' };
    expect(await telemetry.points('nestjs_mqtt.instances')).toMatchObject([
      point(1, server),
      point(2, clients),
    ]);
    for (const name of ['nestjs_mqtt.subscriptions.wanted', 'nestjs_mqtt.subscriptions.granted'])
      expect(await telemetry.points(name)).toMatchObject([point(2, server), point(2, clients)]);
  });

  it('count connections that are lost and made again', async () => {
    await using broker = await startAedes({ version: 5 });
    await using proxy = await startTcpProxy(broker);
    await using _server = await startServer({ url: proxy.url, protocolVersion: 5 });
    proxy.cut();
    await until(async () => (await telemetry.points('nestjs_mqtt.connection.reconnects')).length > 0);
    const attributes = { 'server.port': proxy.port };
    expect(await telemetry.points('nestjs_mqtt.connection.reconnects')).toMatchObject([point(1, attributes)]);
    expect(await telemetry.points('nestjs_mqtt.connection.losses')).toMatchObject([
      point(1, { ...attributes, 'error.type': 'ConnectionError' }),
    ]);
  });

  it('count messages that are dropped', async () => {
    await using broker = await startAedes({ version: 5 });
    const gate = closedGate();
    const options = { url: broker.url, protocolVersion: 5, maxQueued: 1 } as const;
    await using _server = await startServer(options, { events: { 'jobs/{id}': () => gate.opened } });
    await using device = await connectDevice(broker.url, { protocolVersion: 5 });
    for (const payload of ['1', '2', '3', '4']) await device.publish('jobs/a', payload);
    await until(async () => (await telemetry.points('nestjs_mqtt.messages.dropped'))[0]?.value === 2);
    expect(await telemetry.points('nestjs_mqtt.messages.dropped')).toMatchObject([
      point(2, { 'messaging.destination.template': 'jobs/{id}' }),
    ]);
    gate.open();
  });

  it('count subscriptions that are refused', async () => {
    const authorizeSubscribe = (topic: string) => topic !== 'denied';
    await using broker = await startAedes({ version: 5, authorizeSubscribe });
    const events = { granted: () => 1, denied: () => 1 };
    await outcomeOf(startServer({ url: broker.url, protocolVersion: 5 }, { events }));
    expect(await telemetry.points('nestjs_mqtt.subscription.refusals')).toMatchObject([
      point(1, { 'server.port': broker.port }),
    ]);
  });
});

function point(value: unknown, attributes: object): object {
  return { value, attributes };
}
