import {
  ClientMqtt,
  ConfigurationError,
  MqttRecord,
  ServerMqtt,
  type PresenceOptions,
  type ServerMqttOptions,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { fence } from '../support/fence.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startStubBroker } from '../support/stub-broker.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const TOPIC = 'presence/service';
const presence: PresenceOptions = { topic: TOPIC };

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const said = ({ received }: Device) => received.map(({ payload }) => payload.toString());

describeOnBrokers('presence', ({ kind, protocolVersion, start }) => {
  let broker: Broker;
  let proxy: TcpProxy;
  let watcher: Device;

  beforeEach(async () => {
    broker = await start({ denied: true });
    proxy = await startTcpProxy(broker);
    watcher = await connectDevice(broker.url, { protocolVersion });
    await watcher.subscribe('presence/#');
  });
  afterEach(async () => {
    await watcher[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  const options = (more: Partial<ServerMqttOptions> = {}) => ({
    url: proxy.url,
    protocolVersion,
    reconnectPeriod: 20,
    presence,
    ...more,
  });
  // else it comes once more, as any message may
  const acknowledged = (connected: Pick<ServerMqtt, 'unwrap'>) =>
    until(() => Object.keys(connected.unwrap().outgoing).length === 0);
  const heard = (...words: readonly string[]) => until(() => said(watcher).length === words.length);
  const retained = async () => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe(TOPIC);
    const { payload, packet } = await device.next();
    return [payload.toString(), packet.retain];
  };

  it.each([0, 1, 2] as const)(
    'is said when online, lost, online again and closed, once each (QoS %d)',
    async (qos) => {
      await using server = await startServer(options({ presence: { topic: TOPIC, qos } }));
      await heard('online');
      expect(await retained()).toEqual(['online', true]);

      await acknowledged(server);

      proxy.refuseConnections();
      proxy.cut();
      await heard('online', 'offline');
      expect(await retained()).toEqual(['offline', true]);

      proxy.acceptConnections();
      await heard('online', 'offline', 'online');

      await server.close();
      await heard('online', 'offline', 'online', 'offline');
      await fence(watcher);
      expect(said(watcher)).toEqual(['online', 'offline', 'online', 'offline']);
      expect(await retained()).toEqual(['offline', true]);
    },
  );

  it('is said by a client too, in words of its own, under its name', async () => {
    const own = { topic: 'presence/{clientId}', online: { up: true }, offline: Buffer.from([0xff, 0]) };
    await using client = await startClient(proxy.url, options({ clientId: 'meter+7', presence: own }));
    const online = await watcher.next('presence/meter_7');
    expect(online.payload.toString()).toBe('{"up":true}');
    await acknowledged(client);
    proxy.refuseConnections();
    proxy.cut();
    const lost = await watcher.next('presence/meter_7');
    expect(lost.payload).toEqual(Buffer.from([0xff, 0]));
    proxy.acceptConnections();
    await watcher.next('presence/meter_7');
    await client.close();
    expect((await watcher.next('presence/meter_7')).payload).toEqual(lost.payload);
    if (protocolVersion === 5) {
      expect(online.packet.properties).toMatchObject({
        contentType: 'application/json',
        payloadFormatIndicator: true,
      });
      expect(lost.packet.properties).toMatchObject({ contentType: 'application/octet-stream' });
    }
  });

  it('is not said again by a close() while the connection is lost', async () => {
    await using server = await startServer(options());
    await heard('online');
    await acknowledged(server);
    proxy.refuseConnections();
    proxy.cut();
    await heard('online', 'offline');
    await server.close();
    await fence(watcher);
    expect(said(watcher)).toEqual(['online', 'offline']);
  });

  it('is offline of a server that could not subscribe', async () => {
    await using server = createServer(options(), { events: { 'denied/a': () => 1 } });
    expect(await outcomeOf(listen(server))).toMatchObject({ code: 'ERR_MQTT_SUBSCRIPTION' });
    await heard('offline');
    expect(await retained()).toEqual(['offline', true]);
  });

  // the brokers close the connection over it, mosquitto after it has acknowledged the message, Aedes on MQTT 3.1.1 before
  it('that the broker does not allow is reported, and left out for the connection to last', async () => {
    await using _server = await startServer(options({ presence: { topic: 'denied/presence' } }), {
      messages: { ping: () => 'pong' },
    });
    const lossCount = () => logs.warnings().filter((line) => line.startsWith('Lost the connection')).length;
    const silent = kind === 'mosquitto' && protocolVersion === 4;
    const expectedLosses = silent ? 3 : kind === 'aedes' && protocolVersion === 5 ? 0 : 1;
    await until(() => lossCount() === expectedLosses && (silent || logs.errors().length > 0));
    await using client = await startClient(broker.url, { protocolVersion });
    await until(async () => (await outcomeOf(client.send('ping', 1), 100)) === 'pong');
    expect(lossCount()).toBe(expectedLosses);
    const complaints = logs.errors().filter((line) => line.startsWith('Presence is not announced: '));
    expect(complaints).toHaveLength(silent ? 0 : 1);
  });
});

describe('the offline message', () => {
  it('is left to the Will if the connection is new, and an earlier message that says online is sent again', async () => {
    await using broker = await startStubBroker({ script: { publish: 'ignore' } });
    await using server = await startServer({ url: broker.url, presence, reconnectPeriod: 5 });
    await until(() => broker.packets('publish').length === 1);
    broker.closeConnections();
    await until(() => broker.packets('publish').length === 2);
    await server.close();
    await until(() => broker.openCount === 0);
    expect(broker.packets('publish').map(({ payload }) => payload.toString())).toEqual(['online', 'online']);
    expect(broker.packets('disconnect')).toEqual([]);
  });

  it('comes with each close() of a client that is opened and closed in quick succession', async () => {
    await using broker = await startStubBroker();
    const client = new ClientMqtt({ url: broker.url, presence });
    for (const round of [1, 2, 3, 4, 5]) {
      await client.connect();
      await until(() => broker.packets('publish').length === 2 * round - 1);
      await client.close();
      await until(() => broker.packets('disconnect').length === round);
    }
    const words = broker.packets('publish').map(({ payload }) => payload.toString());
    expect(words).toEqual(Array.from({ length: 5 }, () => ['online', 'offline']).flat());
  });

  it('is left to the Will if the broker does not acknowledge it', async () => {
    await using broker = await startStubBroker({
      script: { publish: ({ payload }) => (payload.toString() === 'offline' ? 'close' : 'answer') },
    });
    await using server = await startServer({ url: broker.url, presence });
    await until(() => broker.packets('publish').length === 1);
    await server.close();
    expect(broker.packets('connect')[0]!.will).toMatchObject({ topic: TOPIC, retain: true, qos: 1 });
    expect(broker.packets('publish').map(({ payload }) => payload.toString())).toEqual(['online', 'offline']);
    expect(broker.packets('disconnect')).toEqual([]);
  });

  it('is acknowledged before the DISCONNECT', async () => {
    await using broker = await startStubBroker({ script: { publish: 'ignore' } });
    await using server = await startServer({ url: broker.url, presence });
    await until(() => broker.packets('publish').length === 1);
    const closing = server.close();
    await until(() => broker.packets('publish').length === 2);
    for (const { messageId } of broker.packets('publish')) {
      expect(broker.packets('disconnect')).toEqual([]);
      broker.connection.send({ cmd: 'puback', messageId: messageId! });
    }
    await closing;
    await until(() => broker.packets('disconnect').length === 1);
  });

  it('is said after all that waits for a free place, and takes none before', async () => {
    const connect = { properties: { receiveMaximum: 1 } };
    await using broker = await startStubBroker({
      protocolVersion: 5,
      script: { connect, publish: ({ topic }) => (topic === TOPIC ? 'answer' : 'ignore') },
    });
    const offline = { maxMessages: 1 };
    const client = new ClientMqtt({ url: broker.url, protocolVersion: 5, presence, offline });
    await client.connect();
    await until(() => broker.packets('publish').length === 1);
    await until(() => Object.keys(client.unwrap().outgoing).length === 0);
    const outcomes = ['1', '2'].map((data) => outcomeOf(client.emit('a', new MqttRecord(data, { qos: 1 }))));
    await until(() => broker.packets('publish').length === 2);
    const closing = client.close();
    for (const count of [2, 3]) {
      await until(() => broker.packets('publish').length === count);
      const { messageId } = broker.packets('publish').at(-1)!;
      broker.connection.send({ cmd: 'puback', messageId: messageId! });
    }
    await closing;
    expect(await Promise.all(outcomes)).toEqual(['done', 'done']);
    const words = broker.packets('publish').map(({ payload }) => payload.toString());
    expect(words).toEqual(['online', '1', '2', 'offline']);
  });

  it('is said with the QoS that the broker takes', async () => {
    const connect = { properties: { maximumQoS: 0 } };
    await using broker = await startStubBroker({ protocolVersion: 5, script: { connect } });
    const options = { protocolVersion: 5, presence, maxQos: 'downgrade' } as const;
    await using client = await startClient(broker.url, options);
    await until(() => broker.packets('publish').length === 1);
    await client.close();
    expect(broker.packets('publish').map(({ qos }) => qos)).toEqual([0, 0]);
  });

  it('may be empty, which takes the retained one away', async () => {
    await using broker = await startStubBroker();
    await using server = await startServer({ url: broker.url, presence: { topic: TOPIC, offline: '' } });
    await until(() => broker.packets('publish').length === 1);
    await server.close();
    expect(broker.packets('connect')[0]!.will!.payload).toHaveLength(0);
    expect(broker.packets('publish')[1]).toMatchObject({ payload: Buffer.alloc(0), retain: true });
  });
});

describe('a mistake in the presence', () => {
  it.each<[object, string]>([
    [{ presence, will: { topic: 'a', payload: '' } }, 'presence is a Will'],
    [{ presence: { topic: 'a/#' } }, 'The presence topic "a/#" is invalid: a Topic Name has no wildcards'],
    [{ presence: { topic: '' } }, 'The presence topic "" is invalid'],
    [{ presence: { topic: 'a', qos: 3 } }, 'presence.qos must be 0, 1 or 2, not 3'],
    [
      { presence: { topic: 'a', online: 1n } },
      'presence.online: The value (bigint) cannot be written as JSON',
    ],
    [
      { presence: { topic: 'a', offline: 'x'.repeat(65_536) } },
      'presence.offline is longer than a Will may be',
    ],
    [{ presence: { topic: '{clientId}' }, clientId: '' }, 'has a {clientId}, and the clientId is empty'],
  ])('shows at construction', (options, message) => {
    for (const construct of [() => new ServerMqtt(options), () => new ClientMqtt(options)]) {
      expect(construct).toThrow(ConfigurationError);
      expect(construct).toThrow(message);
    }
  });
});
