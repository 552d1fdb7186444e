import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { lastValueFrom, toArray } from 'rxjs';
import {
  CodecError,
  jsonCodec,
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  PublishError,
  textCodec,
  type ClientMqtt,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice, type Device } from '../support/device.js';
import { fence } from '../support/fence.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const received: unknown[] = [];
const ran: string[] = [];
const MEGABYTE = 1024 * 1024;

@Controller()
class SensorsController {
  @MqttEventPattern('sensors/any')
  any(@Payload() data: unknown): void {
    received.push(data);
  }

  @MqttEventPattern('sensors/json', { codec: jsonCodec })
  json(@Payload() data: unknown): void {
    received.push(data);
  }

  @MqttEventPattern('sensors/text', { codec: textCodec })
  text(@Payload() data: unknown): void {
    received.push(data);
  }

  @MqttMessagePattern('requests/echo')
  echo(@Payload() data: unknown): unknown {
    received.push(data);
    return data;
  }

  @MqttMessagePattern('requests/strict', { codec: jsonCodec })
  strict(@Payload() data: unknown): unknown {
    ran.push('strict');
    return data;
  }
}

describeOnBrokers('bad input', ({ protocolVersion, start }) => {
  let broker: Broker;
  let app: App;
  let device: Device;

  beforeAll(async () => {
    broker = await start({ denied: true });
    app = await startApp({ controllers: [SensorsController], server: { url: broker.url, protocolVersion } });
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    received.length = 0;
    ran.length = 0;
    app.logs.lines.length = 0;
    device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('#');
  });
  afterEach(() => device[Symbol.asyncDispose]());

  /** What comes after a bad message is still handled: the service has seen the bad one by then. */
  const stillServes = async () => {
    await using client = await startClient(broker.url, { protocolVersion });
    expect(await lastValueFrom(client.send('requests/echo', 'still here'))).toBe('still here');
  };
  const topicsBut = (...topics: string[]) =>
    device.received
      .map(({ topic }) => topic)
      .filter(
        (topic) => !topics.includes(topic) && !topic.startsWith('clients/') && topic !== 'requests/echo',
      );

  describe('in a payload', () => {
    it.each([
      ['a device\'s {"id", "data"}', '{"id":7,"data":[1]}', { id: 7, data: [1] }],
      [
        'a device\'s {"data", "options"}',
        '{"data":{"a":1},"options":{"b":2}}',
        { data: { a: 1 }, options: { b: 2 } },
      ],
      ["another topic's envelope", '{"pattern":"x","data":1,"id":"1"}', { pattern: 'x', data: 1, id: '1' }],
      [
        'an envelope with a key of its own',
        '{"pattern":"sensors/any","data":1,"id":"1","unit":"K"}',
        { pattern: 'sensors/any', data: 1, id: '1', unit: 'K' },
      ],
      [
        'a built-in reply',
        '{"id":"x","response":1,"isDisposed":true}',
        { id: 'x', response: 1, isDisposed: true },
      ],
    ])('hands %s on whole, and publishes nothing', async (_, payload, data) => {
      await device.publish('sensors/any', payload);
      await until(() => received.length > 0);
      expect(received).toEqual([data]);
      await stillServes();
      await fence(device, { qos: 0 });
      expect(topicsBut('sensors/any')).toEqual([]);
    });

    it('does not answer a device whose payload looks like a request', async () => {
      await device.publish('requests/echo', '{"id":7,"data":[1]}');
      await until(() => received.length > 0);
      expect(received).toEqual([{ id: 7, data: [1] }]);
      await stillServes();
      await fence(device, { qos: 0 });
      expect(topicsBut()).toEqual([]);
    });

    it('cannot poison a prototype', async () => {
      await device.publish(
        'sensors/any',
        '{"__proto__":{"admin":true},"a":{"constructor":{"prototype":{"b":1}}},"c":2}',
      );
      await until(() => received.length > 0);
      const target: Record<string, unknown> = {};
      expect(JSON.stringify(received[0])).toBe('{"a":{},"c":2}');
      expect(Object.assign(target, received[0])['admin']).toBeUndefined();
    });

    it('may have 10 MB', async () => {
      const text = 'x'.repeat(10 * MEGABYTE);
      await device.publish('sensors/any', JSON.stringify({ text }));
      await until(() => received.length > 0);
      expect((received[0] as { text: string }).text.length).toBe(text.length);
    });

    it.each([
      [
        'sensors/json',
        '{"a":',
        'SensorsController.json cannot read the message on "sensors/json" (5 bytes): The payload is not JSON',
      ],
      [
        'sensors/json',
        '',
        'SensorsController.json cannot read the message on "sensors/json" (0 bytes): The payload is not JSON',
      ],
      [
        'sensors/text',
        Buffer.from([0xff]),
        'SensorsController.text cannot read the message on "sensors/text" (1 bytes): The payload is not UTF-8',
      ],
    ])('that a strict codec on %s cannot read is one line in the log', async (topic, payload, line) => {
      await device.publish(topic, payload);
      await stillServes();
      await until(() => app.logs.errors().length > 0);
      expect(app.logs.errors()).toEqual([expect.stringContaining(line)]);
      expect(received).toEqual(['still here']);
    });
  });

  if (protocolVersion === 5) {
    describe('in a request', () => {
      it('that does not decode is answered with an error', async () => {
        await device.publish('requests/strict', 'no JSON', { properties: { responseTopic: 'answers/1' } });
        const { payload, packet } = await device.next('answers/1');
        expect(packet.properties?.userProperties).toEqual({ 'nest-reply': 'error' });
        expect(JSON.parse(payload.toString())).toMatchObject({
          status: 'error',
          message: expect.stringContaining('not JSON'),
        });
        expect(ran).toEqual([]);
      });

      it.each([
        ['$SYS/x', 'topics that begin with "$" are the broker\'s'],
        ['$share/g/x', 'topics that begin with "$" are the broker\'s'],
        ['', 'it must be at least one character long [MQTT-4.7.3-1]'],
      ])('the Response Topic "%s" keeps the handler from running', async (responseTopic, rule) => {
        await device.publish('requests/strict', '1', { properties: { responseTopic } });
        await stillServes();
        await until(() => app.logs.warnings().length > 0);
        expect(app.logs.warnings()).toEqual([
          `SensorsController.strict ignored the request on "requests/strict": its Response Topic "${responseTopic}" is invalid: ${rule}`,
        ]);
        expect(ran).toEqual([]);
      });

      it('a Response Topic with a wildcard is not published to, whether the broker or we refuse it', async () => {
        const requester = await connectDevice(broker.url, { protocolVersion });
        await requester.publish('requests/strict', '1', { properties: { responseTopic: 'answers/#' } });
        await stillServes();
        await fence(device, { qos: 0 });
        expect(topicsBut('requests/strict')).toEqual([]);
        expect(ran).toEqual([]);
        await requester[Symbol.asyncDispose]();
      });
    });
  }

  if (protocolVersion === 4) {
    it.each(['a/+', '$SYS/x', 'x\\u0000'])(
      'the reply topic %j of an envelope is not published to',
      async (replyTo) => {
        const envelope = `{"pattern":"requests/strict","data":1,"id":"7","replyTo":"${replyTo}"}`;
        await device.publish('requests/strict', envelope);
        await stillServes();
        await until(() => app.logs.warnings().length > 0);
        expect(app.logs.warnings()).toEqual([
          expect.stringContaining('ignored the request on "requests/strict": its replyTo'),
        ]);
        expect(ran).toEqual([]);
      },
    );
  }

  describe('from the caller', () => {
    let client: ClientMqtt & AsyncDisposable;

    beforeEach(async () => {
      client = await startClient(broker.url, { protocolVersion });
    });
    afterEach(() => client[Symbol.asyncDispose]());

    const emit = (topic: string, data: unknown) =>
      lastValueFrom(client.emit(topic, data), { defaultValue: undefined }).then(
        () => 'published',
        (error: unknown) => error,
      );

    it.each([
      ['a/+', 'Cannot publish to "a/+": a Topic Name has no wildcards [MQTT-4.7.0-1]'],
      ['#', 'Cannot publish to "#": a Topic Name has no wildcards [MQTT-4.7.0-1]'],
      ['', 'Cannot publish to "": it must be at least one character long [MQTT-4.7.3-1]'],
      ['a\0b', 'it must not contain the null character [MQTT-4.7.3-2]'],
      ['x'.repeat(65_536), 'it must not be longer than 65535 bytes [MQTT-4.7.3-3]'],
    ])('a topic that is none is refused at once', async (topic, message) => {
      const error = await emit(topic, 1);
      expect(error).toBeInstanceOf(PublishError);
      expect(error).toMatchObject({
        code: 'ERR_MQTT_PUBLISH',
        topic,
        message: expect.stringContaining(message),
      });
      await expect(lastValueFrom(client.send(topic, 1))).rejects.toBeInstanceOf(PublishError);
      expect(await emit('fine', 1)).toBe('published');
    });

    it.each([3, -1, '1', null])('the QoS %j is refused at once', async (qos) => {
      const error = await emit('a', new MqttRecord(1, { qos: qos as 0 }));
      expect(error).toMatchObject({
        code: 'ERR_MQTT_PUBLISH',
        message: `Cannot publish to "a": the QoS must be 0, 1 or 2, not ${JSON.stringify(qos)}`,
      });
    });

    it.each([null, undefined])('%j as data is refused, as in Nest', async (data) => {
      await expect(lastValueFrom(client.emit('a', data))).rejects.toThrow('null');
      await expect(lastValueFrom(client.send('a', data))).rejects.toThrow('null');
    });

    it('null in a record is JSON', async () => {
      expect(await emit('nothing/null', new MqttRecord(null))).toBe('published');
      expect((await device.next('nothing/null')).payload.toString()).toBe('null');
    });

    it('data that has no form on the wire is a CodecError', async () => {
      expect(await emit('a', { big: 1n })).toBeInstanceOf(CodecError);
      await expect(lastValueFrom(client.send('a', { big: 1n }))).rejects.toBeInstanceOf(CodecError);
    });

    it('leaves its object as it was', async () => {
      const data = Object.freeze({ data: Object.freeze({ a: 1 }), options: Object.freeze({ b: 2 }) });
      expect(await emit('sensors/any', data)).toBe('published');
      await until(() => received.length > 0);
      expect(received).toEqual([data]);
      expect(await lastValueFrom(client.send('requests/echo', data))).toEqual(data);
    });

    it('drops a reply to an unknown request, with one line in the log', async () => {
      await lastValueFrom(client.send('requests/echo', 1));
      const { clientId } = client.unwrap().options;
      const replyTopic = `clients/${clientId}/replies`;
      const payload = protocolVersion === 5 ? '1' : '{"id":"guessed","response":1,"isDisposed":true}';
      const properties = { correlationData: Buffer.from('guessed') };
      await device.publish(replyTopic, payload, { properties });
      await device.publish(replyTopic, payload, { properties });
      await device.publish(replyTopic, Buffer.from([0xff]));
      expect(await lastValueFrom(client.send('requests/echo', 2).pipe(toArray()))).toEqual([2]);
      expect(app.logs.warnings()).toEqual([
        `Dropped a message on "${replyTopic}" that is no reply; others are not reported`,
      ]);
    });
  });
});
