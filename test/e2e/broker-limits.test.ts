import type { IConnackPacket, IPublishPacket } from 'mqtt-packet';
import {
  ConfigurationError,
  MqttRecord,
  PublishError,
  type ClientMqttOptions,
  type MqttRecordOptions,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startStubBroker, type StubBroker } from '../support/stub-broker.js';
import { until } from '../support/until.js';

type Announced = NonNullable<IConnackPacket['properties']>;

interface Beyond {
  readonly what: string;
  readonly announced: Announced;
  readonly told: ClientMqttOptions['limits'];
  readonly record: MqttRecordOptions;
  readonly reasonCode: number;
  readonly message: string;
}

const BEYOND: readonly Beyond[] = [
  {
    what: 'QoS',
    announced: { maximumQoS: 1 },
    told: { maxQos: 1 },
    record: { qos: 2 },
    reasonCode: 0x9b,
    message: 'takes QoS 1 at most, not 2',
  },
  {
    what: 'RETAIN flag',
    announced: { retainAvailable: false },
    told: { retainAvailable: false },
    record: { retain: true },
    reasonCode: 0x9a,
    message: 'keeps no retained messages',
  },
  {
    what: 'size',
    announced: { maximumPacketSize: 100 },
    told: { maxPacketSize: 100 },
    record: { qos: 1 },
    reasonCode: 0x95,
    message: 'more than the broker',
  },
];
const QUARTER_GIGABYTE = 2 ** 28;
const PAYLOAD = 'x'.repeat(150);

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describe.each([4, 5] as const)(
  'a message that no packet of MQTT has room for (MQTT version %d)',
  (protocolVersion) => {
    it.each([0, 1] as const)('fails before anything of it is sent (QoS %d)', async (qos) => {
      await using broker = await startStubBroker({ protocolVersion });
      await using client = await startClient(broker.url, { protocolVersion, reconnectPeriod: 20 });
      const record = new MqttRecord(Buffer.alloc(QUARTER_GIGABYTE), { qos });
      const failure = await outcomeOf(client.emit('a', record), 3000);
      expect(failure).toBeInstanceOf(PublishError);
      expect(failure).toMatchObject({
        reasonCode: 0x95,
        message: expect.stringContaining('MQTT has room for'),
      });
      expect(await outcomeOf(client.emit('a', new MqttRecord(1, { qos })))).toBe('done');
      expect(broker.connections).toHaveLength(1);
    });
  },
);

it('a Packet Identifier is not given to another message before it is free [MQTT-2.2.1-3]', async () => {
  const isStuck = ({ payload }: IPublishPacket) => payload.toString() === 'stuck';
  const script = (connection: number) =>
    ({
      publish: (packet: IPublishPacket) => (connection === 1 && isStuck(packet) ? 'ignore' : 'answer'),
    }) as const;
  await using broker = await startStubBroker({ script });
  await using client = await startClient(broker.url, { reconnectPeriod: 20 });
  const stuck = outcomeOf(client.emit('a', new MqttRecord('stuck', { qos: 1 })));
  await until(() => broker.packets('publish').length === 1);
  const [first] = broker.packets('publish');
  const { messageIdProvider } = client.unwrap();
  while (messageIdProvider.getLastAllocated() !== ((first!.messageId! + 65_533) % 65_535) + 1)
    messageIdProvider.deallocate(messageIdProvider.allocate()!);
  expect(await outcomeOf(client.emit('a', new MqttRecord('next', { qos: 1 })))).toBe('done');
  expect(broker.packets('publish').at(-1)!.messageId).toBe((first!.messageId! % 65_535) + 1);
  broker.closeConnections();
  expect(await stuck).toBe('done');
});

describe('a QoS 0 message whose User Properties no packet has room for', () => {
  it('fails alone', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    await using client = await startClient(broker.url, { protocolVersion: 5, reconnectPeriod: 20 });
    const values = Array.from({ length: 4100 }, () => 'x'.repeat(65_535));
    const record = new MqttRecord(1, { properties: { userProperties: { values } } });
    expect(await outcomeOf(client.emit('a', record), 3000)).toBeInstanceOf(PublishError);
    expect(await outcomeOf(client.emit('a', 1))).toBe('done');
    expect(broker.connections).toHaveLength(1);
  });
});

describe.each(BEYOND)('a message whose $what is beyond the limits of the broker', (beyond) => {
  const { announced, told, reasonCode, message } = beyond;

  it.each([
    ['announced', 5, announced, undefined],
    ['told', 5, {}, told],
    ['told', 4, {}, told],
  ] as const)(
    'fails before it is sent (%s, MQTT version %d)',
    async (_, protocolVersion, properties, limits) => {
      await using broker = await startStubBroker({ protocolVersion, script: { connect: { properties } } });
      await using client = await startClient(broker.url, { protocolVersion, limits });
      const failure = await outcomeOf(client.emit('a', new MqttRecord(PAYLOAD, beyond.record)));
      expect(failure).toBeInstanceOf(PublishError);
      expect(failure).toMatchObject({ topic: 'a', reasonCode });
      expect((failure as Error).message).toContain(message);
      expect(await outcomeOf(client.emit('a', new MqttRecord('ok', { qos: 1 })))).toBe('done');
      expect(payloadsAt(broker)).toEqual(['ok']);
      expect(broker.connections).toHaveLength(1);
    },
  );
});

describe('what was told and what is announced', () => {
  it.each([
    [1, 0],
    [0, 1],
  ] as const)('hold both (QoS %d and %d)', async (told, maximumQoS) => {
    await using broker = await startAnnouncing({ maximumQoS });
    await using client = await startClient(broker.url, { protocolVersion: 5, limits: { maxQos: told } });
    expect(await outcomeOf(client.emit('a', new MqttRecord(1, { qos: 1 })))).toBeInstanceOf(PublishError);
    expect(await outcomeOf(client.emit('a', 1))).toBe('done');
  });
});

describe("maxQos: 'downgrade'", () => {
  it.each([
    [1, 2, 1],
    [1, 1, 1],
    [0, 2, 0],
    [0, 0, 0],
  ] as const)('sends with QoS %d at most: QoS %d with %d', async (maximumQoS, qos, sent) => {
    await using broker = await startAnnouncing({ maximumQoS });
    await using client = await startClient(broker.url, { protocolVersion: 5, maxQos: 'downgrade' });
    expect(await outcomeOf(client.emit('a', new MqttRecord(1, { qos })))).toBe('done');
    await until(() => broker.packets('publish').length === 1);
    expect(broker.packets('publish')[0]!.qos).toBe(sent);
  });
});

describe('a Topic Alias', () => {
  it.each([
    [2, 2, 'done'],
    [2, 3, 0x94],
    [undefined, 1, 0x94],
  ] as const)(
    'is kept to the Topic Alias Maximum (%s: %d)',
    async (topicAliasMaximum, topicAlias, expected) => {
      await using broker = await startAnnouncing(
        topicAliasMaximum === undefined ? {} : { topicAliasMaximum },
      );
      await using client = await startClient(broker.url, { protocolVersion: 5 });
      const outcome = await outcomeOf(
        client.emit('a', new MqttRecord(1, { qos: 1, properties: { topicAlias } })),
      );
      expect(outcome instanceof PublishError ? outcome.reasonCode : outcome).toBe(expected);
      expect(broker.packets('publish').map(({ properties }) => properties?.topicAlias)).toEqual(
        expected === 'done' ? [topicAlias] : [],
      );
      expect(broker.connections).toHaveLength(1);
    },
  );
});

describe('a topic that is longer or deeper than the broker was said to take', () => {
  const limits = { topicLevels: 3, topicLength: 20 };

  it.each(['a/b/c/d', 'x'.repeat(21)])('fails its publish (%s)', async (topic) => {
    await using broker = await startStubBroker();
    await using client = await startClient(broker.url, { limits });
    const failure = await outcomeOf(client.emit(topic, 1));
    expect(failure).toBeInstanceOf(PublishError);
    expect(failure).toMatchObject({ topic, reasonCode: 0x90 });
    expect(broker.packets('publish')).toEqual([]);
  });

  it('fails listen(), if a handler has it', async () => {
    await using broker = await startStubBroker();
    const failure = await outcomeOf(
      startServer({ url: broker.url, limits }, { events: { 'a/+/{c}/#': () => 0 } }),
    );
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as Error).message).toContain('"a/+/+/#": its 4 levels are more than the 3');
    expect(broker.packets('subscribe')).toEqual([]);
  });
});

describe('limits.subscriptionsPerPacket', () => {
  it('bounds the filters of a SUBSCRIBE, and of an UNSUBSCRIBE', async () => {
    await using broker = await startStubBroker();
    const events = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`topic/${n}`, () => 0]));
    const server = await startServer({ url: broker.url, limits: { subscriptionsPerPacket: 8 } }, { events });
    expect(broker.packets('subscribe').map(({ subscriptions }) => subscriptions.length)).toEqual([8, 8, 4]);
    await server.close();
    const unsubscribed = broker.packets('unsubscribe').map(({ unsubscriptions }) => unsubscriptions);
    expect(unsubscribed.map(({ length }) => length)).toEqual([8, 8, 4]);
    expect(unsubscribed.flat().toSorted()).toEqual(Object.keys(events).toSorted());
  });

  it('does not raise subscribeBatchSize', async () => {
    await using broker = await startStubBroker();
    const options = { url: broker.url, subscribeBatchSize: 2, limits: { subscriptionsPerPacket: 8 } };
    await using _server = await startServer(options, { events: { a: () => 0, b: () => 0, c: () => 0 } });
    expect(broker.packets('subscribe').map(({ subscriptions }) => subscriptions.length)).toEqual([2, 1]);
  });
});

describe('the Server Keep Alive', () => {
  it.each([0, 60])('takes the place of the one that was asked for (%d s)', async (keepalive) => {
    await using broker = await startAnnouncing({ serverKeepAlive: 1 });
    await using _client = await startClient(broker.url, {
      protocolVersion: 5,
      keepalive,
      reconnectPeriod: 20,
    });
    await until(() => broker.packets('pingreq').length > 0, { message: 'a PINGREQ' });
    broker.closeConnections();
    await until(() => broker.packets('connect').length === 2);
    expect(broker.packets('connect').map((packet) => packet.keepalive)).toEqual([keepalive, keepalive]);
  });
});

describe('the assigned Client Identifier', () => {
  it('names the reply topic, anew on each connection', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({
        connect: { properties: { assignedClientIdentifier: `assigned-${connection}` } },
        publish: (packet, stub) => {
          const { responseTopic, correlationData } = packet.properties ?? {};
          stub.publish(responseTopic!, '"answer"', { properties: { correlationData: correlationData! } });
          return 'answer';
        },
      }),
    });
    await using client = await startClient(broker.url, {
      protocolVersion: 5,
      clientId: '',
      reconnectPeriod: 20,
    });
    const replyTopic = () => broker.packets('publish').at(-1)!.properties?.responseTopic;
    expect(await outcomeOf(client.send('ask', 1))).toBe('answer');
    expect(replyTopic()).toBe('clients/assigned-1/replies');
    broker.closeConnections();
    await until(() => broker.packets('subscribe').length === 2);
    expect(await outcomeOf(client.send('ask', 1))).toBe('answer');
    expect(replyTopic()).toBe('clients/assigned-2/replies');
    expect(broker.packets('subscribe').map(({ subscriptions }) => subscriptions[0]!.topic)).toContain(
      'clients/assigned-2/replies',
    );
  });
});

describeWithMosquitto('the limits that mosquitto announces', () => {
  it('are kept to: QoS and RETAIN', async () => {
    await using broker = await startMosquitto({ config: ['max_qos 1', 'retain_available false'] });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    let closed = 0;
    client.on('close', () => closed++);
    const emit = (options: MqttRecordOptions) => outcomeOf(client.emit('a', new MqttRecord(1, options)));
    expect(await emit({ qos: 2 })).toMatchObject({ reasonCode: 0x9b });
    expect(await emit({ retain: true })).toMatchObject({ reasonCode: 0x9a });
    expect(await emit({ qos: 1 })).toBe('done');
    expect(closed).toBe(0);
  });
});

describe('the limits that Aedes announces', () => {
  it('are kept to: packet size and Topic Alias', async () => {
    const limits = { maximumPacketSize: 100, topicAliasMaximum: 1 };
    await using broker = await startAedes({ version: 5, limits });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const emit = (data: string, options: MqttRecordOptions) =>
      outcomeOf(client.emit('a', new MqttRecord(data, options)));
    expect(await emit(PAYLOAD, { qos: 1 })).toMatchObject({ reasonCode: 0x95 });
    expect(await emit('ok', { qos: 1, properties: { topicAlias: 2 } })).toMatchObject({ reasonCode: 0x94 });
    expect(await emit('ok', { qos: 1, properties: { topicAlias: 1 } })).toBe('done');
    expect(broker.published().map(({ payload }) => payload.toString())).toEqual(['ok']);
  });
});

function startAnnouncing(properties: Announced): Promise<StubBroker> {
  return startStubBroker({ protocolVersion: 5, script: { connect: { properties } } });
}

function payloadsAt(broker: StubBroker): string[] {
  return broker.packets('publish').map(({ payload }: IPublishPacket) => payload.toString());
}
