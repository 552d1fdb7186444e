import { Controller } from '@nestjs/common';
import { Payload, RpcException } from '@nestjs/microservices';
import { IncomingRequestDeserializer } from '@nestjs/microservices/deserializers/incoming-request.deserializer.js';
import { IncomingResponseDeserializer } from '@nestjs/microservices/deserializers/incoming-response.deserializer.js';
import { MqttRecordSerializer } from '@nestjs/microservices/serializers/mqtt-record.serializer.js';
import { lastValueFrom, of, toArray, type Observable } from 'rxjs';
import {
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  type ClientMqttOptions,
  type ServerMqttOptions,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
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

  @MqttMessagePattern('stream')
  stream(@Payload() data: unknown): Observable<unknown> {
    return of(1, data, 3);
  }

  @MqttMessagePattern('fail')
  fail(): never {
    throw new RpcException({ reason: 'too hot' });
  }

  @MqttEventPattern('event')
  event(@Payload() data: unknown): void {
    events.push(data);
  }
}

/** What Nest's documentation has for messages that Nest did not send. */
class ForeignDeserializer extends IncomingRequestDeserializer {
  override isExternal(): boolean {
    return true;
  }
}

beforeEach(() => {
  events.length = 0;
});

describeOnBrokers("Nest's own serializers", ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const startService = (options: ServerMqttOptions = {}) =>
    startApp({ controllers: [EchoController], server: { url: broker.url, protocolVersion, ...options } });
  const connect = (options: ClientMqttOptions = {}) =>
    startClient(broker.url, { protocolVersion, ...options });

  describe.each<[string, ServerMqttOptions, ClientMqttOptions]>([
    [
      'both sides',
      { serializer: new MqttRecordSerializer(), deserializer: new IncomingRequestDeserializer() },
      { serializer: new MqttRecordSerializer(), deserializer: new IncomingResponseDeserializer() },
    ],
    ["the client's requests", {}, { serializer: new MqttRecordSerializer() }],
    ["the server's requests", { deserializer: new IncomingRequestDeserializer() }, {}],
  ])('on %s', (_, server, options) => {
    it('leave requests as they are', async () => {
      await using _service = await startService(server);
      await using client = await connect(options);
      const answers = (topic: string, data: unknown) =>
        lastValueFrom(client.send<unknown>(topic, data).pipe(toArray()));
      expect(await answers('echo', { a: [1] })).toEqual([{ a: [1] }]);
      expect(await answers('echo', new MqttRecord({ a: 1 }, { qos: 1 }))).toEqual([{ a: 1 }]);
      expect(await answers('stream', 2)).toEqual([1, 2, 3]);
      await expect(answers('fail', 1)).rejects.toMatchObject({ error: { reason: 'too hot' } });
    });

    it('leave events as they are', async () => {
      await using _service = await startService(server);
      await using client = await connect(options);
      const record = new MqttRecord({ a: 1 }, { qos: 1 });
      await lastValueFrom(client.emit('event', record), { defaultValue: undefined });
      await until(() => events.length > 0);
      expect(events).toEqual([{ a: 1 }]);
    });
  });

  it.each([
    ['an object', '{"temperature":21}', { temperature: 21 }],
    ['a number', '21', 21],
    ['text', 'on fire', 'on fire'],
    ['bytes', Buffer.from([0xff, 0]), Buffer.from([0xff, 0])],
    ['nothing', '', undefined],
  ])("hand on a device's event: %s", async (_, payload, data) => {
    await using _service = await startService({ deserializer: new IncomingRequestDeserializer() });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('event', payload);
    await until(() => events.length > 0);
    expect(events).toEqual([data]);
  });

  it("hand on a device's event that looks like a packet, if told that it is none", async () => {
    await using _service = await startService({ deserializer: new ForeignDeserializer() });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('event', '{"data":[1],"id":"7"}');
    await until(() => events.length > 0);
    expect(events).toEqual([{ data: [1], id: '7' }]);
  });
});
