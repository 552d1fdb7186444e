import { readFileSync } from 'node:fs';
import { Controller, Inject } from '@nestjs/common';
import { ClientProxy, ClientsModule, Payload, RpcException } from '@nestjs/microservices';
import { context, propagation, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { registerInstrumentations, type Instrumentation } from '@opentelemetry/instrumentation';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { lastValueFrom, map, mergeMap, NEVER, of, tap, toArray, type Observable } from 'rxjs';
import { ClientMqtt, MqttMessagePattern, MqttRecord, TopicParam, type ClientMqttOptions } from 'nestjs-mqtt';
import { MqttInstrumentation } from 'nestjs-mqtt/opentelemetry';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startApp } from '../support/start-app.js';
import { createClient, startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { Telemetry } from '../support/telemetry.js';
import { until } from '../support/until.js';

/** The first service, which asks the second one. */
@Controller()
class FrontController {
  constructor(@Inject('BACK') private readonly back: ClientProxy) {}

  @MqttMessagePattern('orders/{id}')
  async order(@TopicParam('id') id: string): Promise<unknown> {
    await Promise.resolve();
    return this.back.send('stock', { id });
  }
}

@Controller()
class BackController {
  @MqttMessagePattern('stock')
  stock(@Payload() { id }: { id: string }): Observable<unknown> {
    const tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value;
    return of(`${id} of ${tenant}`).pipe(map((text) => `${text} in ${trace.getActiveSpan() !== undefined}`));
  }
}

let logs: CapturedLogs;
beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('OpenTelemetry', ({ protocolVersion, start }) => {
  let broker: Broker;
  let telemetry: Telemetry;
  let instrumentation: MqttInstrumentation;
  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());
  beforeEach(() => {
    telemetry = new Telemetry();
    const { tracerProvider, meterProvider } = telemetry;
    instrumentation = new MqttInstrumentation({ tracerProvider, meterProvider, destinationTemplate });
  });
  afterEach(async () => {
    instrumentation.disable();
    await telemetry[Symbol.asyncDispose]();
  });

  const options = () => ({ url: broker.url, protocolVersion });
  const server = () => ({
    'messaging.system': 'mqtt',
    'messaging.system.name': 'mqtt',
    'server.address': '127.0.0.1',
    'server.port': broker.port,
  });

  it('follows one trace through two services and back', async () => {
    const imports = [
      ClientsModule.register([
        {
          name: 'BACK',
          customClass: ClientMqtt,
          options: { ...options(), clientId: 'front' } satisfies ClientMqttOptions,
        },
      ]),
    ];
    await using _front = await startApp({
      controllers: [FrontController],
      imports,
      server: { ...options(), clientId: 'orders' },
    });
    await using _back = await startApp({ controllers: [BackController], server: options() });
    await using client = await startClient(broker.url, { protocolVersion, clientId: 'client' });
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    const root = telemetry.tracerProvider.getTracer('test').startSpan('root');
    const active = propagation.setBaggage(trace.setSpan(context.active(), root), baggage);
    const answer = await context.with(active, () => lastValueFrom(client.send('orders/7', {})));
    expect(answer).toBe('7 of acme in true');
    await telemetry.ended(4);
    const [asked, handled, askedAgain, handledAgain] = [
      'request orders/{id}',
      'process orders/{id}',
      'request stock',
      'process stock',
    ].map((name) => only(telemetry.spans, name)) as [ReadableSpan, ReadableSpan, ReadableSpan, ReadableSpan];
    expect([asked, handled, askedAgain, handledAgain].map(parentOf)).toEqual(
      [root as Span & ReadableSpan, asked, handled, askedAgain].map(idOf),
    );
    expect(new Set(telemetry.spans.map((span) => span.spanContext().traceId))).toEqual(
      new Set([root.spanContext().traceId]),
    );
    const { kind, attributes } = asked;
    expect([kind, attributes]).toEqual([
      SpanKind.CLIENT,
      {
        ...server(),
        'messaging.operation.name': 'request',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'orders/7',
        'messaging.destination.template': 'orders/{id}',
        'messaging.client.id': 'client',
        'messaging.message.conversation_id': expect.stringMatching(/^.{16}$/),
        'messaging.mqtt.message.qos': 0,
        'nestjs_mqtt.outcome': 'completed',
        'nestjs_mqtt.replies': 1,
      },
    ]);
    expect([handled.kind, handled.attributes]).toEqual([
      SpanKind.SERVER,
      {
        ...server(),
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'orders/7',
        'messaging.destination.template': 'orders/{id}',
        'messaging.client.id': 'orders',
        'messaging.message.conversation_id': attributes['messaging.message.conversation_id'],
        'messaging.message.body.size': expect.any(Number),
        'messaging.mqtt.message.qos': 0,
        'messaging.mqtt.message.retained': false,
        'nestjs_mqtt.handler': 'FrontController.order',
        'nestjs_mqtt.attempt': 1,
        'nestjs_mqtt.waited_ms': expect.any(Number),
        'nestjs_mqtt.outcome': 'handled',
      },
    ]);
    expect(telemetry.spans.every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true);
  });

  it('goes on with the trace of an event, and links to it, where the message has a place for it', async () => {
    await using _server = await startServer(options(), { events: { 'sites/{site}': () => 1 } });
    await using client = await startClient(broker.url, { protocolVersion });
    await outcomeOf(client.emit('sites/oslo', new MqttRecord(1, { qos: 1 })));
    await telemetry.ended(2);
    const [published, processed] = ['publish sites/{site}', 'process sites/{site}'].map((name) =>
      only(telemetry.spans, name),
    ) as [ReadableSpan, ReadableSpan];
    expect([published.kind, processed.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER]);
    expect(published.attributes).toMatchObject({
      'messaging.operation.name': 'publish',
      'messaging.destination.name': 'sites/oslo',
      'messaging.mqtt.message.qos': 1,
    });
    const hasPlace = protocolVersion === 5;
    expect(parentOf(processed)).toBe(hasPlace ? idOf(published) : undefined);
    expect(linksOf(processed)).toEqual(hasPlace ? [idOf(published)] : []);
  });

  it("goes on with the trace of an event in Nest's envelope", async () => {
    await using _server = await startServer(options(), { events: { 'sites/{site}': () => 1 } });
    await using client = await startClient(broker.url, { protocolVersion, wireFormat: 'nest' });
    await outcomeOf(client.emit('sites/oslo', 1));
    await telemetry.ended(2);
    const [published, processed] = ['publish sites/{site}', 'process sites/{site}'].map((name) =>
      only(telemetry.spans, name),
    ) as [ReadableSpan, ReadableSpan];
    expect(parentOf(processed)).toBe(idOf(published));
  });

  it('links a run that is a repetition to the one that failed, and says why', async () => {
    const events = {
      poison: () => {
        throw new RpcException('too hot');
      },
    };
    const retry = { attempts: 3, delayMs: 1 };
    await using _server = await startServer(options(), { events, options: { retry } });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('poison', '1');
    const runs = await telemetry.ended(3);
    expect(runs.map(({ attributes }) => attributes['nestjs_mqtt.attempt'])).toEqual([1, 2, 3]);
    expect(runs.map(linksOf)).toEqual([[], [idOf(runs[0]!)], [idOf(runs[1]!)]]);
    expect(runs[2]).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'too hot' },
      attributes: { 'error.type': 'RpcException', 'nestjs_mqtt.outcome': 'failed' },
      events: [{ name: 'exception', attributes: { 'exception.message': 'too hot' } }],
    });
  });

  it('spans a stream of replies from the first to the last one, and what comes of each', async () => {
    const tracer = telemetry.tracerProvider.getTracer('test');
    const work = (value: number) => {
      tracer.startSpan(`work ${value}`).end();
      return value;
    };
    await using _server = await startServer(options(), {
      messages: { count: () => of(1, 2, 3).pipe(map(work)) },
    });
    await using client = await startClient(broker.url, { protocolVersion });
    const asking = tracer.startSpan('asking');
    const answers = context.with(trace.setSpan(context.active(), asking), () =>
      lastValueFrom(
        client.send<number>('count', {}).pipe(
          tap((value) => tracer.startSpan(`got ${value}`).end()),
          toArray(),
        ),
      ),
    );
    expect(await answers).toEqual([1, 2, 3]);
    await telemetry.ended(8);
    const [asked, handled] = ['request count', 'process count'].map((name) =>
      only(telemetry.spans, name),
    ) as [ReadableSpan, ReadableSpan];
    expect(asked.attributes).toMatchObject({ 'nestjs_mqtt.outcome': 'completed', 'nestjs_mqtt.replies': 3 });
    expect(parentOf(handled)).toBe(idOf(asked));
    const parentsOf = (prefix: string) =>
      telemetry.spans.filter(({ name }) => name.startsWith(prefix)).map(parentOf);
    expect(parentsOf('work')).toEqual([handled, handled, handled].map(idOf));
    const id = asking.spanContext().spanId;
    expect(parentsOf('got')).toEqual([id, id, id]);
  });

  it('goes on with the trace of a message that is observed, in what the observer sends', async () => {
    await using client = await startClient(broker.url, { protocolVersion });
    const relay = client
      .messages('in/{id}')
      .pipe(mergeMap(({ data }) => client.emit('out', data)))
      .subscribe();
    await until(() => client.health().subscriptions.granted === 1);
    await outcomeOf(client.emit('in/1', 1));
    await telemetry.ended(3);
    relay.unsubscribe();
    const [received, sent] = ['process in/{id}', 'publish out'].map((name) =>
      only(telemetry.spans, name),
    ) as [ReadableSpan, ReadableSpan];
    expect(received.attributes['nestjs_mqtt.handler']).toBe('messages("in/{id}")');
    expect(parentOf(sent)).toBe(idOf(received));
  });

  it('begins a trace with a message that the broker had kept, which links to that of its publisher', async () => {
    await using client = await startClient(broker.url, { protocolVersion });
    await outcomeOf(client.emit('kept', new MqttRecord(1, { qos: 1, retain: true })));
    await using _server = await startServer(options(), { events: { kept: () => 1 } });
    const [published, processed] = (await telemetry.ended(2)) as [ReadableSpan, ReadableSpan];
    expect(processed.attributes['messaging.mqtt.message.retained']).toBe(true);
    expect(parentOf(processed)).toBeUndefined();
    expect(linksOf(processed)).toEqual(protocolVersion === 5 ? [idOf(published)] : []);
    await client.clearRetained('kept');
  });

  it('names the client of a request that had to wait for its connection', async () => {
    await using _server = await startServer(options(), { messages: { one: () => 1 } });
    await using client = createClient({ ...options(), clientId: 'late' });
    await outcomeOf(client.send('one', {}));
    await until(() => telemetry.spans.some(({ kind }) => kind === SpanKind.CLIENT));
    expect(only(telemetry.spans, 'request one')!.attributes).toMatchObject({
      ...server(),
      'messaging.client.id': 'late',
    });
  });

  it.each([
    ['fails', 5000, 'RemoteError', 'no'],
    ['never', 50, 'RequestTimeoutError', 'No reply to the request on "never" within 50 ms'],
  ])('says why a request has failed (%s)', async (topic, timeoutMs, type, message) => {
    const messages = { fails: () => Promise.reject(new RpcException('no')), never: () => NEVER };
    await using _server = await startServer(options(), { messages });
    await using client = await startClient(broker.url, { protocolVersion, timeoutMs });
    await outcomeOf(client.send(topic, {}));
    await until(() => telemetry.spans.some(({ kind }) => kind === SpanKind.CLIENT));
    expect(telemetry.spans.find(({ kind }) => kind === SpanKind.CLIENT)).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message },
      attributes: { 'error.type': type, 'nestjs_mqtt.outcome': 'failed' },
    });
  });

  it('lets no message suffer from a propagator that fails', async () => {
    propagation.disable();
    const fail = () => {
      throw new Error('no');
    };
    propagation.setGlobalPropagator({ fields: () => ['traceparent'], inject: fail, extract: fail });
    await using _server = await startServer(options(), { messages: { one: () => 1 } });
    await using client = await startClient(broker.url, { protocolVersion });
    expect(await outcomeOf(client.send('one', {}))).toBe(1);
    await telemetry.ended(2);
    expect(parentOf(only(telemetry.spans, 'process one')!)).toBeUndefined();
  });

  it('is an instrumentation that can be registered, given providers, and taken away', async () => {
    instrumentation.disable();
    const registered: Instrumentation = new MqttInstrumentation({ enabled: false });
    const { tracerProvider, meterProvider } = telemetry;
    const unregister = registerInstrumentations({
      instrumentations: [registered],
      tracerProvider,
      meterProvider,
    });
    await using client = await startClient(broker.url, { protocolVersion });
    await outcomeOf(client.emit('a', 1));
    expect(telemetry.spans.map(({ name }) => name)).toEqual(['publish']);
    expect(telemetry.spans[0]!.instrumentationScope).toEqual({
      name: 'nestjs-mqtt',
      version: (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
    });
    unregister();
    await outcomeOf(client.emit('a', 1));
    expect(telemetry.spans).toHaveLength(1);
  });
});

function destinationTemplate(topic: string): string | undefined {
  return topic === 'a'
    ? undefined
    : topic.replace(/^orders\/\d+$/, 'orders/{id}').replace(/^sites\/\w+$/, 'sites/{site}');
}

function only(spans: readonly ReadableSpan[], name: string): ReadableSpan | undefined {
  const found = spans.filter((span) => span.name === name);
  expect(found).toHaveLength(1);
  return found[0];
}

function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId;
}

function parentOf({ parentSpanContext }: ReadableSpan): string | undefined {
  return parentSpanContext?.spanId;
}

function linksOf({ links }: ReadableSpan): string[] {
  return links.map(({ context: target }) => target.spanId);
}
