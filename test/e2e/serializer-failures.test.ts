import { Controller } from '@nestjs/common';
import { Payload, type Deserializer, type Serializer } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import {
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  type ClientMqttOptions,
  type ServerMqttOptions,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const events: unknown[] = [];

@Controller()
class EchoController {
  @MqttMessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MqttEventPattern('event')
  event(@Payload() data: unknown): void {
    events.push(data);
  }
}

/** JSON, but for packets with the word "poison". */
class CautiousSerializer implements Serializer {
  async serialize(packet: unknown): Promise<string> {
    return Promise.resolve(refusePoison(JSON.stringify(packet)));
  }
}

class CautiousDeserializer implements Deserializer {
  async deserialize(value: unknown): Promise<unknown> {
    return Promise.resolve(JSON.parse(refusePoison(JSON.stringify(value))));
  }
}

function refusePoison(json: string): string {
  if (json.includes('poison')) throw new Error('poison found');
  return json;
}

beforeEach(() => {
  events.length = 0;
});

describeOnBrokers('a serializer or deserializer that fails', ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const startService = (options: ServerMqttOptions = {}) =>
    startApp({ controllers: [EchoController], server: { url: broker.url, protocolVersion, ...options } });
  const connect = (options: ClientMqttOptions = {}) =>
    startClient(broker.url, { protocolVersion, ...options });
  /** The value or the error, within the deadline of `until`. */
  const request = (client: Awaited<ReturnType<typeof connect>>, data: unknown): Promise<unknown> =>
    until(() => lastValueFrom(client.send<unknown>('echo', data)).catch((reason: unknown) => reason), {
      deadlineMs: 2000,
      message: 'an answer',
    });

  it('on the client fails the call', async () => {
    await using _service = await startService({ deserializer: new CautiousDeserializer() });
    await using client = await connect({ serializer: new CautiousSerializer() });
    await expect(lastValueFrom(client.emit('event', 'poison'))).rejects.toThrow('poison found');
    expect(await request(client, 'poison')).toMatchObject({ message: 'poison found' });
    expect(await request(client, 'food')).toBe('food');
  });

  it('on the client, for a reply, fails the request', async () => {
    await using _service = await startService({
      serializer: { serialize: (packet) => JSON.stringify(packet) },
    });
    await using client = await connect({ deserializer: new CautiousDeserializer() });
    expect(await request(client, 'food')).toBe('food');
    expect(await request(client, 'poison')).toMatchObject({ message: 'poison found' });
  });

  it('on the server, for an event, is logged once, and the service goes on', async () => {
    await using service = await startService({ deserializer: new CautiousDeserializer() });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('event', '{"data":"poison"}');
    await device.publish('event', '{"data":"food"}');
    await until(() => events.length > 0 && service.logs.errors().length > 0);
    expect(events).toEqual(['food']);
    expect(service.logs.errors()).toEqual([
      'EchoController.event cannot read the message on "event" (17 bytes): poison found',
    ]);
  });

  it('on the server, for a reply, is told the requester and logged once', async () => {
    await using service = await startService({ serializer: new CautiousSerializer() });
    await using client = await connect({ deserializer: { deserialize: (value: unknown) => value } });
    expect(await request(client, 'poison')).toMatchObject({ message: 'Internal server error' });
    expect(await request(client, 'food')).toBe('food');
    expect(service.logs.errors()).toEqual(['EchoController.echo failed on "echo": poison found']);
  });

  it.each([0, 1] as const)('by making no payload of a packet fails the call, with QoS %i', async (qos) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('event');
    const payloads: unknown[] = [{}, 7, 'fine'];
    await using client = await connect({ serializer: { serialize: () => payloads.shift() } });
    const emit = () =>
      lastValueFrom(client.emit('event', new MqttRecord(1, { qos })), { defaultValue: undefined });
    await expect(emit()).rejects.toThrow('string');
    await expect(emit()).rejects.toThrow('string');
    await emit();
    expect((await device.next('event')).payload.toString()).toBe('fine');
  });

  it('by making a Uint8Array of a packet works', async () => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('event');
    await using client = await connect({ serializer: { serialize: () => new Uint8Array([1, 2]) } });
    await lastValueFrom(client.emit('event', 1), { defaultValue: undefined });
    expect((await device.next('event')).payload).toEqual(Buffer.from([1, 2]));
  });
});

describeOnBrokers(
  'a deserializer that fails',
  ({ protocolVersion, start }) => {
    it('for a request with a Response Topic is told the requester and logged once', async () => {
      await using broker = await start();
      await using service = await startApp({
        controllers: [EchoController],
        server: { url: broker.url, protocolVersion, deserializer: new CautiousDeserializer() },
      });
      await using requester = await connectDevice(broker.url, { protocolVersion });
      await requester.subscribe('answers');
      await requester.publish('echo', '{"data":"poison"}', {
        properties: { responseTopic: 'answers', correlationData: Buffer.from('7') },
      });
      await until(() => service.logs.errors().length > 0);
      expect((await requester.next('answers')).packet.properties?.correlationData).toEqual(Buffer.from('7'));
      expect(service.logs.errors()).toHaveLength(1);
    });
  },
  { only: (target) => target.protocolVersion === 5 },
);

describe.each([4, 5] as const)('a serializer that makes no payload (MQTT version %i)', (protocolVersion) => {
  it('leaves nothing behind that would be sent on the next connection', async () => {
    await using broker = await startAedes({ version: protocolVersion });
    using _logs = captureLogs();
    const payloads: unknown[] = [{}, 'fine'];
    const serializer = { serialize: () => payloads.shift() };
    await using client = await startClient(broker.url, { protocolVersion, serializer, reconnectPeriod: 1 });
    const emit = async () => {
      await lastValueFrom(client.emit('event', new MqttRecord(1, { qos: 1 })), { defaultValue: undefined });
      return true;
    };
    await expect(emit()).rejects.toThrow('string');
    const statuses: string[] = [];
    client.status.subscribe((status) => statuses.push(status));
    broker.disconnectAll();
    await until(() => statuses.lastIndexOf('connected') > 0, { message: 'the next connection' });
    await until(emit, { deadlineMs: 2000, message: 'the next message' });
    expect(broker.published().map(({ payload }) => payload.toString())).toEqual(['fine']);
  });
});
