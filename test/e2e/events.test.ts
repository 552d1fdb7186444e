import { Controller, ParseIntPipe } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import {
  bytesCodec,
  MqttContext,
  MqttEventPattern,
  textCodec,
  Topic,
  TopicParam,
  type TopicParams,
} from '../../src/index.js';
import { connectDevice } from '../support/device.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { startApp } from '../support/start-app.js';
import { until } from '../support/until.js';

interface Call {
  readonly handler: string;
  readonly data: unknown;
  readonly topic?: string;
  readonly params?: TopicParams;
  readonly qos?: number;
}

const calls: Call[] = [];

@Controller()
class SensorsController {
  @MqttEventPattern('devices/{device}/{sensor}', { qos: 1 })
  sensor(
    @Payload() data: unknown,
    @TopicParam() params: TopicParams,
    @Ctx() { topic, qos }: MqttContext,
  ): void {
    calls.push({ handler: 'sensor', data, topic, params, qos });
  }

  @MqttEventPattern('sites/{site}/meters/{meter}/reading', { qos: 1 })
  reading(
    @Payload() data: unknown,
    @TopicParam() params: TopicParams,
    @Ctx() { topic, qos }: MqttContext,
  ): void {
    calls.push({ handler: 'reading', data, topic, params, qos });
  }

  @MqttEventPattern('sites/+/meters/#')
  everything(@Payload() data: unknown, @Topic() topic: string): void {
    calls.push({ handler: 'everything', data, topic });
  }

  @MqttEventPattern('files/{path*}')
  file(@Payload() data: unknown, @TopicParam('path') path: string): void {
    calls.push({ handler: 'file', data, params: { path } });
  }

  @MqttEventPattern('channels/{channel}')
  channel(@Payload('value') data: unknown, @TopicParam('channel', ParseIntPipe) channel: number): void {
    calls.push({ handler: 'channel', data: [channel, data] });
  }

  @EventPattern<string>('nest/+/plain', { qos: 1 })
  plain(@Payload() data: unknown, @Ctx() context: MqttContext): void {
    calls.push({ handler: 'plain', data, topic: context.getTopic(), qos: context.qos });
  }

  @EventPattern({ cmd: 'object' })
  objectPattern(data: unknown): void {
    calls.push({ handler: 'objectPattern', data });
  }

  @EventPattern(['first', 'second'])
  several(data: unknown): void {
    calls.push({ handler: 'several', data });
  }

  @MqttEventPattern('raw/bytes', { codec: bytesCodec })
  bytes(data: Buffer): void {
    calls.push({ handler: 'bytes', data });
  }

  @MqttEventPattern('raw/text', { codec: textCodec })
  text(data: string): void {
    calls.push({ handler: 'text', data });
  }

  @MqttEventPattern('twice')
  one(data: unknown): void {
    calls.push({ handler: 'one', data });
  }

  @MqttEventPattern('twice')
  two(data: unknown): void {
    calls.push({ handler: 'two', data });
  }
}

describeOnBrokers('events', ({ protocolVersion, start, kind }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());
  beforeEach(() => {
    calls.length = 0;
  });

  const handled = (handler: string): Promise<Call> =>
    until(() => calls.find((call) => call.handler === handler), { message: `a call of "${handler}"` });
  const startService = () =>
    startApp({ controllers: [SensorsController], server: { url: broker.url, protocolVersion } });

  it('hands named levels, Topic Name and QoS to a handler', async () => {
    await using _app = await startService();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('devices/7/power', '{"kw":3}', { qos: 1 });
    expect(await handled('sensor')).toEqual({
      handler: 'sensor',
      data: { kw: 3 },
      topic: 'devices/7/power',
      params: { device: '7', sensor: 'power' },
      qos: 1,
    });
  });

  // The pinned beta drops all Subscription Identifiers but one of a message.
  (kind === 'aedes' && protocolVersion === 5 ? it.skip : it)(
    'runs every matching handler once where filters overlap',
    async () => {
      await using _app = await startService();
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.publish('sites/oslo/meters/7/reading', '1', { qos: 1 });
      await device.publish('twice', 'last', { qos: 1 });
      await handled('two');
      expect(calls.map(({ handler }) => handler).toSorted()).toEqual(['everything', 'one', 'reading', 'two']);
    },
  );

  it.each([
    ['JSON', '{"a":[1]}', { a: [1] }],
    ['a number', '21.5', 21.5],
    ['text', 'on fire', 'on fire'],
    ['text that begins like JSON', '[warning] hot', '[warning] hot'],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0x00, 0xfe]), Buffer.from([0xff, 0x00, 0xfe])],
    ['JSON null', 'null', null],
    ['nothing', '', undefined],
  ])('hands on %s', async (_, payload, data) => {
    await using _app = await startService();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('files/a', payload);
    expect(await handled('file')).toEqual({ handler: 'file', data, params: { path: 'a' } });
  });

  it('captures the rest of a topic', async () => {
    await using _app = await startService();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('files/a//c', 'x');
    expect((await handled('file')).params).toEqual({ path: 'a//c' });
  });

  it('runs pipes on named levels and on a part of the payload', async () => {
    await using _app = await startService();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('channels/12', '{"value":5}');
    expect((await handled('channel')).data).toEqual([12, 5]);
  });

  it("binds Nest's own decorators, with extras, wildcards, object patterns and arrays", async () => {
    await using _app = await startService();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('nest/x/plain', '1', { qos: 1 });
    expect(await handled('plain')).toEqual({ handler: 'plain', data: 1, topic: 'nest/x/plain', qos: 1 });
    await device.publish('{"cmd":"object"}', '2');
    expect((await handled('objectPattern')).data).toBe(2);
    await device.publish('second', '3');
    expect((await handled('several')).data).toBe(3);
  });

  it('gives a handler its own codec', async () => {
    await using _app = await startService();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('raw/bytes', '{"a":1}');
    await device.publish('raw/text', '{"a":1}');
    expect((await handled('bytes')).data).toEqual(Buffer.from('{"a":1}'));
    expect((await handled('text')).data).toBe('{"a":1}');
  });
});
