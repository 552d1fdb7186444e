import { Controller } from '@nestjs/common';
import { Payload, RpcException, type Deserializer, type Serializer } from '@nestjs/microservices';
import { lastValueFrom, of, toArray, type Observable } from 'rxjs';
import {
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  RemoteError,
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

  @MqttMessagePattern('nothing')
  nothing(): void {}

  @MqttMessagePattern('fail')
  fail(): never {
    throw new RpcException({ reason: 'too hot' });
  }

  @MqttEventPattern('event')
  event(@Payload() data: unknown): void {
    events.push(data);
  }
}

class Base64Serializer implements Serializer {
  serialize(packet: unknown): string {
    return Buffer.from(JSON.stringify(packet)).toString('base64');
  }
}

class Base64Deserializer implements Deserializer {
  deserialize(value: string): unknown {
    return JSON.parse(Buffer.from(value, 'base64').toString());
  }
}

/** JSON behind a byte that no UTF-8 begins with. */
class BinarySerializer implements Serializer {
  async serialize(packet: unknown): Promise<Buffer> {
    return Promise.resolve(Buffer.concat([Buffer.from([0xff]), Buffer.from(JSON.stringify(packet))]));
  }
}

class BinaryDeserializer implements Deserializer {
  async deserialize(value: Buffer): Promise<unknown> {
    return Promise.resolve(JSON.parse(value.subarray(1).toString()));
  }
}

/** A wire of the user's own, with what Nest documents of a packet and nothing else. */
class ShortSerializer implements Serializer {
  serialize({ pattern, data, id }: { pattern: unknown; data: unknown; id?: string }): string {
    return JSON.stringify({ p: pattern, d: data, i: id });
  }
}

class ShortDeserializer implements Deserializer {
  deserialize({ p, d, i }: { p: unknown; d: unknown; i?: string }): unknown {
    return { pattern: p, data: d, id: i };
  }
}

type Wire = Pick<ServerMqttOptions & ClientMqttOptions, 'serializer' | 'deserializer'>;

const BASE64: Wire = { serializer: new Base64Serializer(), deserializer: new Base64Deserializer() };
const BINARY: Wire = { serializer: new BinarySerializer(), deserializer: new BinaryDeserializer() };

const WIRES: readonly (readonly [string, { readonly server: Wire; readonly client: Wire }])[] = [
  ['text, on both sides', { server: BASE64, client: BASE64 }],
  ['bytes from a Promise, on both sides', { server: BINARY, client: BINARY }],
  [
    'the request alone',
    { server: { deserializer: BASE64.deserializer }, client: { serializer: BASE64.serializer } },
  ],
  [
    'the reply alone',
    { server: { serializer: BINARY.serializer }, client: { deserializer: BINARY.deserializer } },
  ],
  [
    'the request alone, with the documented keys of a packet',
    {
      server: { deserializer: new ShortDeserializer() },
      client: { serializer: new ShortSerializer() },
    },
  ],
];

beforeEach(() => {
  events.length = 0;
});

describeOnBrokers('serializer and deserializer', ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const startService = (options: ServerMqttOptions = {}) =>
    startApp({ controllers: [EchoController], server: { url: broker.url, protocolVersion, ...options } });
  const connect = (options: ClientMqttOptions = {}) =>
    startClient(broker.url, { protocolVersion, ...options });

  describe.each(WIRES)('write and read %s', (_, wire) => {
    it('of requests', async () => {
      await using _service = await startService(wire.server);
      await using client = await connect(wire.client);
      const answers = (topic: string, data: unknown) =>
        lastValueFrom(client.send<unknown>(topic, data).pipe(toArray()));
      const first = until(() => answers('echo', { a: [1] }), {
        deadlineMs: 2000,
        message: 'the first answer',
      });
      expect(await first).toEqual([{ a: [1] }]);
      expect(await answers('echo', false)).toEqual([false]);
      expect(await answers('stream', 2)).toEqual([1, 2, 3]);
      expect(await answers('nothing', 1)).toEqual([]);
      const failure = answers('fail', 1);
      await expect(failure).rejects.toBeInstanceOf(RemoteError);
      await expect(failure).rejects.toMatchObject({ error: { reason: 'too hot' } });
    });

    it('of events', async () => {
      await using _service = await startService(wire.server);
      await using client = await connect(wire.client);
      await lastValueFrom(client.emit('event', { a: 1 }), { defaultValue: undefined });
      await until(() => events.length > 0);
      expect(events).toEqual([{ a: 1 }]);
    });
  });

  it('of a client are given the packet of a call, and the topic of a reply', async () => {
    const seen: unknown[] = [];
    const serializer: Serializer = {
      serialize: (packet: object) => {
        seen.push({ ...packet });
        return JSON.stringify(packet);
      },
    };
    const deserializer: Deserializer = {
      deserialize: (value: unknown, options) => {
        seen.push(options);
        return value;
      },
    };
    await using _service = await startService({
      serializer: { serialize: (packet) => JSON.stringify(packet) },
    });
    await using client = await connect({ serializer, deserializer, replyTopic: 'answers/7' });
    const record = new MqttRecord({ a: 1 }, { qos: 1 });
    await lastValueFrom(client.emit('event', record), { defaultValue: undefined });
    await lastValueFrom(client.send('nothing', 1), { defaultValue: undefined });
    expect(seen).toEqual([
      { pattern: 'event', data: record },
      expect.objectContaining({ pattern: 'nothing', data: 1, id: expect.any(String) }),
      { channel: protocolVersion === 5 ? 'answers/7' : 'nothing/reply' }, // as Nest's own, without a Response Topic
    ]);
  });

  it('of a client do not keep the options of a record from the wire', async () => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('out');
    await using client = await connect(BASE64);
    const record = new MqttRecord(1, { qos: 1, properties: { userProperties: { a: 'b' } } });
    await lastValueFrom(client.emit('out', record), { defaultValue: undefined });
    const { packet } = await device.next('out');
    expect(packet.qos).toBe(1);
    expect(packet.properties?.userProperties).toEqual(protocolVersion === 5 ? { a: 'b' } : undefined);
  });
});
