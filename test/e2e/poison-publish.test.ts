import type { IPublishPacket } from 'mqtt-packet';
import { MqttRecord, PublishError } from '../../src/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startStubBroker, type Reaction } from '../support/stub-broker.js';
import { until } from '../support/until.js';

const LEVELS_250 = `${'x/'.repeat(249)}x`; // mosquitto takes 200
const CONNECTIONS_AT_MOST = 4; // the first one, on which others may be to blame, and three

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

/** MQTT.js sends a QoS 1 message again first of all on the next connection, and nothing else before its acknowledgement. */
describeOnBrokers(
  'a message that the broker refuses by closing the connection',
  ({ start }) => {
    it('fails after three connections, and what comes after it is published, subscribed to and answered', async () => {
      await using broker = await start({ denied: true });
      await using device = await connectDevice(broker.url);
      await device.subscribe('allowed');
      await using _service = await startServer({ url: broker.url }, { messages: { ask: () => 'answer' } });
      await using client = await startClient(broker.url, { reconnectPeriod: 20 });
      let connections = 0;
      client.on('packetreceive', ({ cmd }: { cmd: string }) => void (cmd === 'connack' && connections++));
      const denied = outcomeOf(client.emit('denied/a', new MqttRecord(1, { qos: 1 })));
      const meanwhile = outcomeOf(client.emit('allowed', new MqttRecord(2, { qos: 1 })));
      const failure = await denied;
      expect(failure).toBeInstanceOf(PublishError);
      expect(failure).toMatchObject({ topic: 'denied/a' });
      expect((failure as Error).message).toContain('closed the connection each time');
      expect(connections).toBeLessThanOrEqual(CONNECTIONS_AT_MOST - 1); // later than the first
      expect(await meanwhile).toBe('done');
      expect(await outcomeOf(client.emit('allowed', new MqttRecord(3, { qos: 1 })))).toBe('done');
      expect(await outcomeOf(client.send('ask', 1))).toBe('answer');
      expect((await device.next('allowed')).payload.toString()).toBe('2');
      expect((await device.next('allowed')).payload.toString()).toBe('3');
    });

    it('fails also when there are two of them', async () => {
      await using broker = await start({ denied: true });
      await using client = await startClient(broker.url, { reconnectPeriod: 20 });
      const emit = (topic: string, qos: 1 | 2) => outcomeOf(client.emit(topic, new MqttRecord(1, { qos })));
      const outcomes = await Promise.all([emit('denied/a', 1), emit('allowed', 1), emit('denied/b', 2)]);
      expect(outcomes).toEqual([expect.any(PublishError), 'done', expect.any(PublishError)]);
      expect(await emit('allowed', 2)).toBe('done');
    });
  },
  { only: ({ kind, protocolVersion }) => kind === 'aedes' && protocolVersion === 4 },
);

describe('maxPublishAttempts', () => {
  it.each([
    [1, 1],
    [1, 2],
    [2, 1],
    [5, 2],
  ] as const)(
    'is after how many further connections a message fails (%d, QoS %d)',
    async (maxPublishAttempts, qos) => {
      await using broker = await startStubBroker({ script: { publish: closeOver('poison') } });
      await using client = await startClient(broker.url, { reconnectPeriod: 5, maxPublishAttempts });
      const outcomes = ['1', 'poison', '2', '3'].map((topic) =>
        outcomeOf(client.emit(topic, new MqttRecord(1, { qos }))),
      );
      expect(await Promise.all(outcomes)).toEqual(['done', expect.any(PublishError), 'done', 'done']);
      const times = broker.packets('publish').filter(({ topic }) => topic === 'poison').length;
      expect(times).toBe(1 + maxPublishAttempts);
    },
  );

  it('is 3 by default', async () => {
    await using broker = await startStubBroker({ script: { publish: 'close' } });
    await using client = await startClient(broker.url, { reconnectPeriod: 5 });
    expect(await outcomeOf(client.emit('poison', new MqttRecord(1, { qos: 1 })))).toBeInstanceOf(
      PublishError,
    );
    expect(broker.packets('publish')).toHaveLength(CONNECTIONS_AT_MOST);
  });

  it('gives nothing up if it is Infinity', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ publish: connection > 10 ? 'answer' : 'close' }),
    });
    await using client = await startClient(broker.url, { reconnectPeriod: 5, maxPublishAttempts: Infinity });
    expect(await outcomeOf(client.emit('a', new MqttRecord(1, { qos: 1 })))).toBe('done');
    expect(broker.connections).toHaveLength(11);
  });

  it.each([1, 2] as const)('does not keep the rest from going on in order (QoS %d)', async (qos) => {
    await using broker = await startStubBroker({ script: { publish: closeOver('poison') } });
    await using client = await startClient(broker.url, { reconnectPeriod: 5 });
    const topics = ['0', '1', 'poison', '2', 'poison', '3', '4', '5'];
    const outcomes = topics.map((topic) => outcomeOf(client.emit(topic, new MqttRecord(1, { qos }))));
    await until(() => broker.connections.length === 2);
    const later = ['6', '7', '8'].map((topic) => outcomeOf(client.emit(topic, new MqttRecord(1, { qos }))));
    const all = await Promise.all([...outcomes, ...later]);
    expect(all.filter((outcome) => outcome === 'done')).toHaveLength(9);
    const taken = broker.packets('publish').flatMap(({ topic }) => (topic === 'poison' ? [] : [topic]));
    expect([...new Set(taken)]).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
  });
});

describeOnBrokers(
  'a reply address that the broker does not take',
  ({ start, protocolVersion }) => {
    it('keeps the service from nothing but that reply', async () => {
      await using broker = await start();
      const handled: unknown[] = [];
      await using _service = await startServer(
        { url: broker.url, protocolVersion, ...keptSession(protocolVersion) },
        {
          messages: { ask: (data) => handled.push(data) },
          events: { event: (data) => handled.push(data) },
          options: { qos: 1 },
        },
      );
      await using device = await connectDevice(broker.url, { protocolVersion });
      const request = { pattern: 'ask', data: 'poison', id: '1', replyTo: LEVELS_250 };
      await device.publish('ask', JSON.stringify(request), { qos: 1 });
      await until(() => handled.length === 1);
      await until(() => logs.errors().some((line) => line.includes('could not be published')));
      await device.publish('event', '"after"', { qos: 1 });
      await until(() => handled.includes('after'));
      await device.subscribe('good/reply');
      await device.publish('ask', JSON.stringify({ ...request, data: 'good', replyTo: 'good/reply' }), {
        qos: 1,
      });
      expect(JSON.parse((await device.next('good/reply')).payload.toString())).toMatchObject({ id: '1' });
      expect(new Set(handled)).toEqual(new Set(['poison', 'after', 'good']));
    });
  },
  { only: ({ kind }) => kind === 'mosquitto' },
);

describe('a reply for which the broker closes the connection', () => {
  it('is given up without another one, an error, to the same address', async () => {
    await using broker = await startStubBroker({
      script: { publish: ({ topic }) => (topic === 'bad' ? 'close' : 'answer') },
    });
    await using _service = await startServer(
      { url: broker.url },
      { messages: { ask: () => 1 }, events: { event: () => 1 } },
    );
    const request = JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: 'bad' });
    broker.connection.publish('ask', request, { qos: 1, messageId: 1 });
    await until(() =>
      broker.connections.slice(1).some((connection) => connection.received('subscribe').length > 0),
    );
    expect(broker.packets('publish')).toHaveLength(CONNECTIONS_AT_MOST);
  });

  it('is the end of its request, which a kept session delivers until it is acknowledged', async () => {
    const request = {
      topic: 'ask',
      payload: JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: 'bad' }),
    };
    let deliveries = 0;
    const acknowledged = () => broker.packets('puback').length > 0;
    await using broker = await startStubBroker({
      script: (connection) => ({
        connect: { sessionPresent: connection > 1 },
        publish: ({ topic }) => (topic === 'bad' ? 'close' : 'answer'),
        ...(connection > 1 && {
          onConnected: (stub) => {
            if (acknowledged()) return;
            deliveries++;
            stub.publish(request.topic, request.payload, { qos: 1, messageId: 7, dup: true });
          },
        }),
      }),
    });
    let runs = 0;
    await using _service = await startServer(
      { url: broker.url, ...keptSession(4), reconnectPeriod: 5 },
      { messages: { ask: () => ++runs } },
    );
    broker.connection.publish(request.topic, request.payload, { qos: 1, messageId: 7 });
    await until(acknowledged, {
      message: () => `an acknowledgement (${runs} runs, ${deliveries} deliveries)`,
    });
    expect(runs).toBe(1);
  });

  it('is reported as what it is, not as a broker that speaks another protocol', async () => {
    await using broker = await startStubBroker({
      script: { publish: ({ topic }) => (topic === 'bad' ? 'close' : 'answer') },
    });
    await using client = await startClient(broker.url, { reconnectPeriod: 20 });
    expect(await outcomeOf(client.emit('bad', new MqttRecord(1, { qos: 1 })))).toBeInstanceOf(PublishError);
    expect(logs.messages().join('\n')).not.toContain('before the CONNACK');
  });
});

describeWithMosquitto('a payload above the Maximum Packet Size', () => {
  it.each([4, 5] as const)('fails its publish alone (MQTT version %d)', async (protocolVersion) => {
    await using broker = await startMosquitto({ config: ['max_packet_size 1000'] });
    await using device = await connectDevice(broker.url);
    await device.subscribe('#');
    await using client = await startClient(broker.url, { protocolVersion, reconnectPeriod: 20 });
    const emit = (data: string) => outcomeOf(client.emit('a', new MqttRecord(data, { qos: 1 })));
    expect(await emit('x'.repeat(5000))).toBeInstanceOf(PublishError);
    expect(await emit('small')).toBe('done');
    expect((await device.next('a')).payload.toString()).toBe('small');
  });
});

describe('a PUBREL over which the broker closes the connection', () => {
  it('fails its publish alone', async () => {
    await using broker = await startStubBroker({ script: { pubrel: 'close' } });
    await using client = await startClient(broker.url, { reconnectPeriod: 20 });
    const emit = (qos: 1 | 2) => outcomeOf(client.emit('a', new MqttRecord(1, { qos })));
    const poison = emit(2);
    await until(() => broker.packets('pubrel').length > 0);
    expect(await emit(1)).toBe('done');
    expect(await poison).toBeInstanceOf(PublishError);
  });
});

describe.each([4, 5] as const)(
  'a message in flight when the connection is cut (MQTT version %d)',
  (protocolVersion) => {
    it.each([1, 2])('is sent again and acknowledged (%d cuts)', async (cuts) => {
      await using broker = await startStubBroker({
        protocolVersion,
        script: (connection) => ({ publish: connection > cuts ? 'answer' : 'close' }),
      });
      await using client = await startClient(broker.url, { protocolVersion, reconnectPeriod: 20 });
      expect(await outcomeOf(client.emit('a', new MqttRecord(1, { qos: 1 })))).toBe('done');
      expect(broker.packets('publish')).toHaveLength(cuts + 1);
    });

    it('is not taken for the cause because others were in flight with it', async () => {
      await using broker = await startStubBroker({
        protocolVersion,
        script: (connection) => ({ publish: connection === 1 ? 'ignore' : 'answer' }),
      });
      await using client = await startClient(broker.url, { protocolVersion, reconnectPeriod: 20 });
      const record = new MqttRecord(1, { qos: 1 });
      const outcomes = ['a', 'b', 'c'].map((topic) => outcomeOf(client.emit(topic, record)));
      await until(() => broker.packets('publish').length === 3);
      broker.closeConnections();
      expect(await Promise.all(outcomes)).toEqual(['done', 'done', 'done']);
    });

    it('is not taken for the cause when the network, not the message, is cut while others go through', async () => {
      // each connection takes one more message before it is cut: none is the last thing seen on three in a row
      await using broker = await startStubBroker({
        protocolVersion,
        script: (connection) => {
          let left = connection === 1 ? 0 : 1;
          return {
            publish: () => (connection > 5 || left-- > 0 ? 'answer' : connection === 1 ? 'ignore' : 'close'),
          };
        },
      });
      await using client = await startClient(broker.url, { protocolVersion, reconnectPeriod: 20 });
      const outcomes = ['a', 'b', 'c', 'd', 'e'].map((topic) =>
        outcomeOf(client.emit(topic, new MqttRecord(1, { qos: 1 }))),
      );
      await until(() => broker.packets('publish').length === 5);
      broker.closeConnections();
      expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => 'done'));
    });
  },
);

describe('a reply address with a control character, over which brokers close the connection', () => {
  it.each([
    [4, 'x\u0001'],
    [5, 'x\u0001'],
    [4, 'x\n'],
    [4, 'x\u007f'],
    [4, 'x\u0085'],
  ] as const)('is not published to (envelope on version %d: %j)', async (protocolVersion, replyTo) => {
    await using broker = await startStubBroker({ protocolVersion });
    let runs = 0;
    await using _service = await startServer(
      { url: broker.url, protocolVersion },
      { messages: { ask: () => ++runs } },
    );
    const ask = (address: string) =>
      broker.connection.publish(
        'ask',
        JSON.stringify({ pattern: 'ask', data: 1, id: '1', replyTo: address }),
      );
    ask(replyTo);
    ask('fine');
    await until(() => broker.packets('publish').length > 0);
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['fine']);
    expect(runs).toBe(1);
    expect(logs.warnings()).toEqual([expect.stringContaining('control characters')]);
  });

  it('is not published to (Response Topic)', async () => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    await using _service = await startServer(
      { url: broker.url, protocolVersion: 5 },
      { messages: { ask: () => 1 } },
    );
    for (const responseTopic of ['x\u0001', 'fine'])
      broker.connection.publish('ask', '1', { properties: { responseTopic } });
    await until(() => broker.packets('publish').length > 0);
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['fine']);
  });
});

function closeOver(refused: string): (packet: IPublishPacket) => Reaction {
  return ({ topic }) => (topic === refused ? 'close' : 'answer');
}

function keptSession(protocolVersion: 4 | 5) {
  const properties = { properties: { sessionExpiryInterval: 60 } };
  return { clientId: 'service', clean: false, ...(protocolVersion === 5 && properties) };
}
