import { RpcException } from '@nestjs/microservices';
import { of, tap } from 'rxjs';
import {
  ConfigurationError,
  MqttRecord,
  PublishError,
  RemoteError,
  ServerMqtt,
  type ServerMqttOptions,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { startMosquitto } from '../support/mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { publishesOf } from '../support/packets.js';
import { startClient } from '../support/start-client.js';
import { startServer, type Handle } from '../support/start-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describeOnBrokers('a service', ({ protocolVersion, start }) => {
  const name = protocolVersion === 5 ? 'Response Topic' : 'replyTo';
  let broker: Broker;
  let device: Device;

  beforeAll(async () => {
    broker = await start();
    device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('#');
  });
  afterAll(async () => {
    await device[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  async function serve(options: ServerMqttOptions) {
    const runs: unknown[] = [];
    const ask: Handle = (data) => (runs.push(data), `answer to ${String(data)}`);
    const server = await startServer(
      { url: broker.url, protocolVersion, ...options },
      { messages: { ask }, options: { qos: 1 } },
    );
    return { runs, [Symbol.asyncDispose]: () => server.close() };
  }
  const askFor = (replyTo: string, data: string) => {
    const envelope = JSON.stringify({ pattern: 'ask', data, id: '1', replyTo });
    const properties = { responseTopic: replyTo, correlationData: Buffer.from('1') };
    return device.publish('ask', protocolVersion === 5 ? data : envelope, { qos: 1, properties });
  };

  const allowed: readonly [string, ServerMqttOptions, string, string][] = [
    ['a filter', { allowResponseTopic: 'clients/{id}/replies' }, 'clients/a/replies', 'clients/a/b'],
    ['several filters', { allowResponseTopic: ['a', 'b/#'] }, 'b/c', 'c'],
    ['a function', { allowResponseTopic: (topic) => topic.endsWith('/replies') }, 'a/replies', 'a/other'],
    ['its length', { maxResponseTopicLength: 10 }, 'a/23456789', 'a/234567890'],
    ['its length in bytes', { maxResponseTopicLength: 10 }, 'a/äöüß', 'a/äöüßa'],
    ['its length by default', {}, `a/${'b'.repeat(1022)}`, `a/${'b'.repeat(1023)}`],
  ];

  it.each(allowed)(
    `answers on a ${name} that is allowed by %s, and on no other`,
    async (_, options, yes, no) => {
      await using service = await serve(options);
      await askFor(no, 'forbidden');
      await askFor(yes, 'allowed');
      const { payload } = await device.next(yes);
      expect(payload.toString()).toContain('answer to allowed');
      expect(service.runs).toEqual(['allowed']);
      expect(logs.warnings()).toEqual([
        expect.stringMatching(
          new RegExp(`ignored the request on "ask": its ${name} ".*" is invalid: .*(allow|longer)`),
        ),
      ]);
      expect(device.received.some(({ topic }) => topic === no)).toBe(false);
    },
  );

  const deserializer = { deserialize: (value: unknown) => Promise.resolve(value) };

  it.each<[string, ServerMqttOptions]>([
    ['', {}],
    [', also behind a deserializer', { deserializer: deserializer as never }],
  ])('survives an allowResponseTopic that throws%s', async (_, options) => {
    const allowResponseTopic = (topic: string) => topic.split('/')[2]!.length > 0;
    await using service = await serve({ ...options, allowResponseTopic });
    const form = protocolVersion === 5 && 'deserializer' in options ? { id: '1', data: 'x' } : undefined;
    await askFor('short', form === undefined ? 'forbidden' : JSON.stringify(form));
    await askFor('a/long/one', form === undefined ? 'allowed' : JSON.stringify(form));
    await device.next('a/long/one');
    expect(service.runs).toHaveLength(1);
    expect(logs.warnings()).toEqual([expect.stringContaining('allowResponseTopic failed')]);
  });
});

describe('an option for Response Topics that is wrong', () => {
  it.each<ServerMqttOptions>([
    { allowResponseTopic: 'a/#/b' },
    { allowResponseTopic: ['a', ''] },
    { maxResponseTopicLength: 0 },
  ])('is refused at construction: %j', (options) => {
    expect(() => new ServerMqtt(options)).toThrow(ConfigurationError);
  });
});

const LIMIT = 1000;
const REPLY_TOO_LARGE = {
  status: 'error',
  message: "The reply is larger than the broker's Maximum Packet Size",
};

describeOnBrokers(
  'a broker that announces a Maximum Packet Size',
  ({ kind, protocolVersion }) => {
    let broker: Broker;

    beforeAll(async () => {
      broker =
        kind === 'mosquitto'
          ? await startMosquitto({ config: [`max_packet_size ${LIMIT}`] })
          : await startAedes({ version: protocolVersion, limits: { maximumPacketSize: LIMIT } });
    });
    afterAll(() => broker[Symbol.asyncDispose]());

    const ofSize = (size: unknown) => 'x'.repeat(Number(size));
    const setup = {
      messages: {
        ask: (size: unknown) => ofSize(size),
        stream: (size: unknown) => of('small', ofSize(size), 'small', 'small'),
        fail: (size: unknown) => {
          throw new RpcException(ofSize(size));
        },
      },
    };

    it('says so in its CONNACK', async () => {
      await using client = await startClient(broker.url, { protocolVersion });
      expect(client.unwrap().serverProperties?.maximumPacketSize).toBe(LIMIT);
    });

    it.each([0, 1] as const)(
      'is sent the largest reply that it takes, and no larger one (QoS %d)',
      async (qos) => {
        await using proxy = await startTcpProxy(broker);
        await using _server = await startServer(
          { url: proxy.url, protocolVersion },
          { ...setup, options: { qos } },
        );
        await using client = await startClient(broker.url, { protocolVersion });
        const ask = (size: number) => outcomeOf(client.send<string>('ask', new MqttRecord(size, { qos })));
        await ask(200);
        const largest = LIMIT - publishSizes(proxy).at(-1)! + 200;
        expect(await ask(largest)).toHaveLength(largest);
        expect(publishSizes(proxy).at(-1)).toBe(LIMIT);
        const failure = await ask(largest + 1);
        expect(failure).toBeInstanceOf(RemoteError);
        expect((failure as RemoteError).error).toEqual(REPLY_TOO_LARGE);
        expect(proxy.connectionCount).toBe(1);
        await until(() => logs.errors().length > 0);
        expect(logs.errors()).toEqual([expect.stringContaining('larger than the broker')]);
      },
    );

    it('gets what a stream had before a value that is too large', async () => {
      await using _server = await startServer({ url: broker.url, protocolVersion }, setup);
      await using client = await startClient(broker.url, { protocolVersion });
      const values: unknown[] = [];
      const failure = await outcomeOf(
        client.send('stream', 2 * LIMIT).pipe(tap((value) => values.push(value))),
      );
      expect(failure).toMatchObject({ error: REPLY_TOO_LARGE });
      expect(values).toEqual(['small']);
    });

    it('gets "Internal server error" for a failure that is too large', async () => {
      await using _server = await startServer({ url: broker.url, protocolVersion }, setup);
      await using client = await startClient(broker.url, { protocolVersion });
      const failure = await outcomeOf(client.send('fail', 2 * LIMIT));
      expect(failure).toMatchObject({ error: { status: 'error', message: 'Internal server error' } });
    });

    it.each(['send', 'emit'] as const)('is not sent a message that is too large (%s)', async (method) => {
      await using proxy = await startTcpProxy(broker);
      await using client = await startClient(proxy.url, { protocolVersion });
      const failure = await outcomeOf(client[method]('ask', ofSize(LIMIT)));
      expect(failure).toBeInstanceOf(PublishError);
      expect(failure).toMatchObject({ code: 'ERR_MQTT_PUBLISH', topic: 'ask', reasonCode: 0x95 });
      const { message } = failure as PublishError;
      expect(message).toMatch(
        /^Cannot publish to "ask": its \d+ bytes are more than the broker's Maximum Packet Size of 1000$/,
      );
      const excess = Number(/its (\d+) bytes/.exec(message)![1]) - LIMIT;
      if (method === 'emit') expect(await outcomeOf(client.emit('ask', ofSize(LIMIT - excess)))).toBe('done');
      await client.unwrap().publishAsync('barrier', '', { qos: 1 });
      const topics = publishesOf(proxy, protocolVersion).map(({ topic }) => topic);
      expect(topics).toEqual(method === 'emit' ? ['ask', 'barrier'] : ['barrier']);
      if (method === 'emit') expect(publishSizes(proxy)[0]).toBe(LIMIT);
      expect(proxy.connectionCount).toBe(1);
    });
  },
  { only: ({ protocolVersion }) => protocolVersion === 5 },
);

/** How long each PUBLISH to the broker is, with its Fixed Header of one byte and a Remaining Length of two. */
function publishSizes(proxy: TcpProxy): number[] {
  return publishesOf(proxy, 5).map(({ length }) => length! + 3);
}
