import { Controller } from '@nestjs/common';
import {
  Ctx,
  MqttRecordBuilder as NestMqttRecordBuilder,
  MqttRecord as NestMqttRecord,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import {
  jsonCodec,
  MqttContext,
  MqttMessagePattern,
  MqttRecord,
  MqttRecordBuilder,
  type ClientMqttOptions,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { fence } from '../support/fence.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';

@Controller()
class PropertiesController {
  @MqttMessagePattern('properties', { qos: 2 })
  properties(@Ctx() { qos, properties, userProperties }: MqttContext): unknown {
    return { qos, userProperties, messageExpiryInterval: properties.messageExpiryInterval };
  }
}

const VIEW = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4);

describeOnBrokers('what a client publishes', ({ protocolVersion, start, kind }) => {
  let broker: Broker;
  let logs: CapturedLogs;
  let device: Device;
  const onMqtt5 = protocolVersion === 5;

  beforeAll(async () => {
    broker = await start();
    logs = captureLogs();
  });
  afterAll(async () => {
    logs[Symbol.dispose]();
    await broker[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('out/#', { qos: 2 });
  });
  afterEach(() => device[Symbol.asyncDispose]());

  const emit = async (topic: string, data: unknown, options: ClientMqttOptions = {}) => {
    await using client = await startClient(broker.url, { protocolVersion, ...options });
    await lastValueFrom(client.emit(topic, data), { defaultValue: undefined });
    return await device.next(topic);
  };

  it.each<[string, unknown, string | Buffer, string | undefined, boolean | undefined]>([
    ['text', 'größer', 'größer', 'text/plain', true],
    ['empty text', '', '', 'text/plain', true],
    ['a number', 21.5, '21.5', 'application/json', true],
    ['zero', 0, '0', 'application/json', true],
    ['false', false, 'false', 'application/json', true],
    ['an object', { a: [1] }, '{"a":[1]}', 'application/json', true],
    ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"', 'application/json', true],
    ['a Buffer', Buffer.from([0, 255]), Buffer.from([0, 255]), 'application/octet-stream', false],
    ['a Uint8Array', VIEW, Buffer.from([1, 2, 3]), 'application/octet-stream', false],
    ['an ArrayBuffer', VIEW.slice().buffer, Buffer.from([1, 2, 3]), 'application/octet-stream', false],
    ['undefined in a record', new MqttRecord(undefined), '', undefined, undefined],
    ['null in a record', new MqttRecord(null), 'null', 'application/json', true],
  ])('is the data alone: %s', async (_, data, payload, contentType, payloadFormatIndicator) => {
    const message = await emit('out/data', data);
    expect(message.payload).toEqual(Buffer.from(payload));
    const expected = onMqtt5 ? { contentType, payloadFormatIndicator } : {};
    const { contentType: type, payloadFormatIndicator: indicator } = message.packet.properties ?? {};
    expect({ type, indicator }).toEqual({
      type: expected.contentType,
      indicator: expected.payloadFormatIndicator,
    });
  });

  it('is written by the codec of the client', async () => {
    expect((await emit('out/codec', '42', { codec: jsonCodec })).payload.toString()).toBe('"42"');
  });

  it('goes to the topic of an object pattern', async () => {
    await using client = await startClient(broker.url, { protocolVersion });
    await device.subscribe('{"cmd":"go"}');
    await lastValueFrom(client.emit({ cmd: 'go' }, 1), { defaultValue: undefined });
    expect((await device.next('{"cmd":"go"}')).payload.toString()).toBe('1');
  });

  it.each([0, 1, 2] as const)('has the QoS %i of its record', async (qos) => {
    expect((await emit('out/qos', new MqttRecord(1, { qos }))).packet.qos).toBe(qos);
  });

  it('has QoS 0 and no RETAIN flag by default', async () => {
    await emit('out/default', 1);
    await using late = await connectDevice(broker.url, { protocolVersion });
    await late.subscribe('out/default');
    await fence(late);
    expect(late.received).toEqual([]);
    expect(device.received[0]?.packet).toMatchObject({ qos: 0, retain: false });
  });

  it('is kept by the broker if its record says so', async () => {
    await device.subscribe('kept/#');
    await emit('kept/out', new MqttRecordBuilder({ a: 1 }).setQoS(1).setRetain().build());
    await using late = await connectDevice(broker.url, { protocolVersion });
    await late.subscribe('kept/out');
    const { payload, packet } = await late.next('kept/out');
    expect(payload.toString()).toBe('{"a":1}');
    expect(packet).toMatchObject({ qos: 1, retain: true });
  });

  it('has the properties of its record on MQTT 5, and is the same without them on 3.1.1', async () => {
    const record = new MqttRecordBuilder({ a: 1 })
      .setQoS(1)
      .setContentType('application/vnd.reading+json')
      .setMessageExpiry(60)
      .setUserProperty('tenant', 'acme')
      .setUserProperty('tag', ['a', 'b'])
      .setResponseTopic('answers/here')
      .setProperties({ correlationData: Buffer.from([1, 2]) })
      .build();
    const { payload, packet } = await emit('out/properties', record);
    expect(payload.toString()).toBe('{"a":1}');
    const properties = {
      contentType: 'application/vnd.reading+json',
      payloadFormatIndicator: true,
      messageExpiryInterval: 60,
      userProperties: { tenant: 'acme', tag: ['a', 'b'] },
      responseTopic: 'answers/here',
      correlationData: Buffer.from([1, 2]),
    };
    expect(packet.properties).toEqual(onMqtt5 ? properties : undefined);
  });

  it('may register a Topic Alias, if the broker takes one', async () => {
    const record = new MqttRecordBuilder(1).setTopicAlias(1).build();
    const result = await emit('out/alias', record).then(
      ({ payload }) => payload.toString(),
      (error: unknown) => String(error),
    );
    const refused = kind === 'aedes' && onMqtt5; // Topic Alias Maximum 0
    expect(result).toMatch(refused ? /^PublishError: .*Topic Alias/ : /^1$/);
  });

  it("has the client's User Properties, over which those of a record have precedence", async () => {
    const options = { userProperties: { tenant: 'acme', source: 'client' } };
    const record = new MqttRecord(1, {
      properties: { userProperties: { source: 'record', tag: ['a', 'b'] } },
    });
    const plain = await emit('out/users', 1, options);
    const merged = await emit('out/users', record, options);
    expect(plain.payload).toEqual(merged.payload);
    expect(plain.packet.properties?.userProperties).toEqual(onMqtt5 ? options.userProperties : undefined);
    expect(merged.packet.properties?.userProperties).toEqual(
      onMqtt5 ? { tenant: 'acme', source: 'record', tag: ['a', 'b'] } : undefined,
    );
    expect(options).toEqual({ userProperties: { tenant: 'acme', source: 'client' } });
  });

  it.each<[string, object]>([
    ['a record', new MqttRecord({ data: { a: 1 } }, { qos: 1, properties: { userProperties: { a: 'b' } } })],
    [
      "Nest's record",
      new NestMqttRecord({ data: { a: 1 } }, { qos: 1, properties: { userProperties: { a: 'b' } } }),
    ],
    [
      "what Nest's builder builds",
      new NestMqttRecordBuilder({ data: { a: 1 } })
        .setQoS(1)
        .setRetain(false)
        .setProperties({ userProperties: { a: 'b' } })
        .build(),
    ],
  ])('does not change %s', async (_, record) => {
    const before = structuredClone(record);
    const { payload, packet } = await emit('out/record', record, { userProperties: { c: 'd' } });
    expect(payload.toString()).toBe('{"data":{"a":1}}');
    expect(packet.qos).toBe(1);
    expect(packet.properties?.userProperties).toEqual(onMqtt5 ? { a: 'b', c: 'd' } : undefined);
    expect(structuredClone(record)).toEqual(before);
  });

  it.each<[string, object]>([
    ['options', { options: { qos: 2 }, value: 1 }],
    ['data', { data: { a: 1 } }],
    ['pattern', { pattern: 'out/object', id: 'x', data: 1, isDisposed: true }],
    ['properties', { properties: { userProperties: { a: 'b' } } }],
  ])('is the whole of an object with a key "%s", which stays as it is', async (_, data) => {
    const before = structuredClone(data);
    const { payload, packet } = await emit('out/object', deepFreeze(data));
    expect(JSON.parse(payload.toString())).toEqual(before);
    expect(packet.qos).toBe(0);
    expect(packet.properties?.userProperties).toBeUndefined();
  });

  it('reaches a message handler with the properties of its record', async () => {
    const server = { url: broker.url, protocolVersion };
    await using _service = await startApp({ controllers: [PropertiesController], server });
    await using client = await startClient(broker.url, { protocolVersion, userProperties: { c: 'd' } });
    const record = new MqttRecordBuilder('x')
      .setQoS(2)
      .setMessageExpiry(60)
      .setUserProperty('a', 'b')
      .setResponseTopic('out/elsewhere')
      .build();
    expect(await lastValueFrom(client.send('properties', record))).toEqual(
      onMqtt5
        ? { qos: 2, userProperties: { a: 'b', c: 'd' }, messageExpiryInterval: 60 }
        : { qos: 2, userProperties: {} },
    );
    await fence(device);
    expect(device.received).toEqual([]); // a record does not redirect the answer
  });
});

function deepFreeze(value: object): object {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  return Object.freeze(value);
}
