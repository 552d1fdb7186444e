import type { IPublishPacket } from 'mqtt-packet';
import { MqttRecord, PublishError, QueueFullError, type ClientMqttOptions } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startStubBroker, type StubBroker, type StubScript } from '../support/stub-broker.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describe('the Receive Maximum', () => {
  it.each([
    ['announced', 5, { receiveMaximum: 2 }, undefined],
    ['told', 5, {}, { receiveMaximum: 2 }],
    ['told', 4, {}, { receiveMaximum: 2 }],
    ['announced, the lower one', 5, { receiveMaximum: 2 }, { receiveMaximum: 10 }],
    ['told, the lower one', 5, { receiveMaximum: 10 }, { receiveMaximum: 2 }],
  ] as const)(
    'is kept to, in order (%s, MQTT version %d)',
    async (_, protocolVersion, properties, limits) => {
      const script: StubScript = {
        connect: { properties },
        publish: ({ qos }) => (qos === 0 ? 'answer' : 'ignore'),
      };
      await using broker = await startStubBroker({ protocolVersion, script });
      await using client = await startClient(broker.url, { protocolVersion, limits });
      const outcomes = [1, 2, 3, 4, 5].map((n) =>
        outcomeOf(client.emit(`${n}`, new MqttRecord(n, { qos: 1 }))),
      );
      for (let acknowledged = 0; acknowledged < 5; acknowledged++) {
        const expected = ['1', '2', '3', '4', '5'].slice(0, acknowledged + 2);
        await until(() => confirmedAt(broker).length >= expected.length);
        await sendFence(broker, client);
        expect(confirmedAt(broker)).toEqual(expected);
        acknowledge(broker, `${acknowledged + 1}`);
      }
      expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 5 }, () => 'done'));
    },
  );

  it('counts a QoS 2 message until its PUBCOMP', async () => {
    const script: StubScript = { connect: { properties: { receiveMaximum: 1 } }, pubrel: 'ignore' };
    await using broker = await startStubBroker({ protocolVersion: 5, script });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const outcomes = ['1', '2'].map((topic) => outcomeOf(client.emit(topic, new MqttRecord(1, { qos: 2 }))));
    await until(() => broker.packets('pubrel').length === 1);
    await sendFence(broker, client);
    expect(confirmedAt(broker)).toEqual(['1']);
    complete(broker);
    await until(() => broker.packets('pubrel').length === 2);
    complete(broker);
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
  });

  it('counts no message that the broker has refused', async () => {
    const script: StubScript = {
      connect: { properties: { receiveMaximum: 1 } },
      publish: ({ messageId, qos }, stub) => {
        stub.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: messageId!, reasonCode: 0x87 });
        return 'ignore';
      },
    };
    await using broker = await startStubBroker({ protocolVersion: 5, script });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const emit = (qos: 1 | 2) => outcomeOf(client.emit('a', new MqttRecord(1, { qos })));
    const outcomes = await Promise.all([emit(1), emit(2), emit(1), emit(2)]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ name: PublishError.name, reasonCode: 0x87 });
  });

  it('counts what is sent again on the next connection', async () => {
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: (connection) => ({
        connect: {
          sessionPresent: connection > 1,
          properties: { receiveMaximum: connection === 1 ? 10 : 3 },
        },
        publish: strict(connection === 1 ? 10 : 3, connection === 1),
      }),
    });
    await using client = await startClient(broker.url, { protocolVersion: 5, reconnectPeriod: 20, ...KEPT });
    const topics = Array.from({ length: 30 }, (_, n) => `${n}`);
    const outcomes = topics.map((topic) => outcomeOf(client.emit(topic, new MqttRecord(1, { qos: 1 }))));
    await until(() => broker.packets('publish').length === 10);
    broker.closeConnections();
    expect(await Promise.all(outcomes)).toEqual(topics.map(() => 'done'));
    expect(broker.connections).toHaveLength(2); // it closes the connection over one more
    expect(broker.connection.received('publish').map(({ topic }) => topic)).toEqual(topics);
  });

  it('bounds nothing where there is none', async () => {
    const unacknowledged: number[] = [];
    const script: StubScript = {
      publish: ({ messageId }, stub) => {
        const count = unacknowledged.push(messageId!);
        if (count === 1000)
          stub.send(...unacknowledged.map((id) => ({ cmd: 'puback', messageId: id }) as const));
        return 'ignore';
      },
    };
    await using broker = await startStubBroker({ protocolVersion: 5, script });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const outcomes = Array.from({ length: 1000 }, (_, n) =>
      outcomeOf(client.emit('a', new MqttRecord(n, { qos: 1 }))),
    );
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => 'done'));
  });

  it('lets wait for a place as many as the option offline says', async () => {
    const script: StubScript = { connect: { properties: { receiveMaximum: 1 } }, publish: 'ignore' };
    await using broker = await startStubBroker({ protocolVersion: 5, script });
    const offline = { maxMessages: 1 };
    await using client = await startClient(broker.url, { protocolVersion: 5, offline });
    const outcomes = ['1', '2', '3'].map((topic) =>
      outcomeOf(client.emit(topic, new MqttRecord(1, { qos: 1 }))),
    );
    expect(await outcomes[2]).toBeInstanceOf(QueueFullError);
    await until(() => broker.packets('publish').length === 1);
    acknowledge(broker, '1');
    await until(() => broker.packets('publish').length === 2);
    acknowledge(broker, '2');
    expect(await Promise.all(outcomes.slice(0, 2))).toEqual(['done', 'done']);
  });

  it('does not keep close() from sending what waits', async () => {
    const script: StubScript = { connect: { properties: { receiveMaximum: 1 } }, publish: strict(1, false) };
    await using broker = await startStubBroker({ protocolVersion: 5, script });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const outcomes = Array.from({ length: 20 }, (_, n) =>
      outcomeOf(client.emit(`${n}`, new MqttRecord(n, { qos: 1 }))),
    );
    await until(() => broker.packets('publish').length > 0);
    await client.close();
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => 'done'));
    expect(broker.connection.packets.at(-1)?.cmd).toBe('disconnect');
  });
});

describeWithMosquitto('the Receive Maximum of mosquitto', () => {
  it('is kept to, and nothing is lost or out of order', async () => {
    await using broker = await startMosquitto({ config: ['max_inflight_messages 3'] });
    await using device = await connectDevice(broker.url, { protocolVersion: 5 });
    await device.subscribe('#', { qos: 2 });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const messages = Array.from({ length: 300 }, (_, n) => `${n}`);
    const outcomes = messages.map((data, n) =>
      outcomeOf(client.emit(`qos/${(n % 2) + 1}`, new MqttRecord(data, { qos: ((n % 2) + 1) as 1 | 2 }))),
    );
    expect(await Promise.all(outcomes)).toEqual(messages.map(() => 'done'));
    await until(() => device.received.length === messages.length);
    for (const topic of ['qos/1', 'qos/2']) {
      const received = device.received.filter((message) => message.topic === topic);
      expect(received.map(({ payload }) => payload.toString())).toEqual(
        messages.filter((_, n) => topic === `qos/${(n % 2) + 1}`),
      );
    }
  });
});

const KEPT: Omit<ClientMqttOptions, 'url'> = {
  clientId: 'publisher',
  clean: false,
  properties: { sessionExpiryInterval: 60 },
};

/** Acknowledges a little later, if at all, and closes the connection over one message more than it takes, as it should. */
function strict(maximum: number, silent: boolean): NonNullable<StubScript['publish']> {
  let unacknowledged = 0;
  return ({ messageId }, stub) => {
    if (++unacknowledged > maximum) return 'close';
    if (silent) return 'ignore';
    setImmediate(() => {
      unacknowledged--;
      stub.send({ cmd: 'puback', messageId: messageId! });
    });
    return 'ignore';
  };
}

/** Resolves when the broker has what was written before, and a QoS 0 message, which waits for nothing. */
async function sendFence(broker: StubBroker, client: Awaited<ReturnType<typeof startClient>>): Promise<void> {
  const fences = () => broker.packets('publish').filter(({ qos }) => qos === 0).length;
  const before = fences();
  await outcomeOf(client.emit('fence', 1));
  await until(() => fences() > before);
}

/** The topics of the QoS 1 and QoS 2 messages. */
function confirmedAt(broker: StubBroker): string[] {
  return broker.packets('publish').flatMap(({ qos, topic }) => (qos === 0 ? [] : [topic]));
}

function acknowledge(broker: StubBroker, wanted: string): void {
  const { messageId } = broker.packets('publish').find(({ topic }: IPublishPacket) => topic === wanted)!;
  broker.connection.send({ cmd: 'puback', messageId: messageId! });
}

function complete(broker: StubBroker): void {
  const { messageId } = broker.packets('pubrel').at(-1)!;
  broker.connection.send({ cmd: 'pubcomp', messageId: messageId! });
}
