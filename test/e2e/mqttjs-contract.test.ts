import { Readable } from 'node:stream';
import { connect, connectAsync, type IStore, type MqttClient, type Packet } from 'mqtt';
import { generate } from 'mqtt-packet';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice, type Device } from '../support/device.js';
import { fence } from '../support/fence.js';
import { packetsOf } from '../support/packets.js';
import { startStubBroker } from '../support/stub-broker.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** What `src/connection/inbound-publishes.ts` builds on, with the MQTT.js that is installed. */
describeOnBrokers('MQTT.js', ({ protocolVersion, start }) => {
  let broker: Broker;
  let proxy: TcpProxy;
  let subscriber: Device;
  let publisher: Device;

  beforeEach(async () => {
    broker = await start();
    proxy = await startTcpProxy(broker);
    subscriber = await connectDevice(proxy.url, { protocolVersion });
    publisher = await connectDevice(broker.url, { protocolVersion });
  });
  afterEach(async () => {
    await subscriber[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  const sent = (cmd: Packet['cmd']) =>
    packetsOf(proxy, protocolVersion).filter(
      (packet) => packet.direction === 'toBroker' && packet.cmd === cmd,
    );

  it.each([1, 2] as const)(
    'emits "packetreceive" before it looks at a packet: what is made QoS 0 there is delivered in the same turn, and not acknowledged (QoS %d)',
    async (qos) => {
      const seen: string[] = [];
      takeOver(subscriber.client, () => seen.push('packetreceive'));
      subscriber.client.on('message', (topic) => topic === 'a' && seen.push('message'));
      await subscriber.subscribe('a', { qos });
      await publisher.publish('a', '1', { qos });
      await until(() => seen.length === 2);
      expect(seen).toEqual(['packetreceive', 'message']);
      await fence(subscriber, { qos: 0 });
      expect([...sent('puback'), ...sent('pubrec')]).toEqual([]);
    },
  );

  it('answers the PUBREL that follows our PUBREC with a PUBCOMP, though it knows nothing of the message', async () => {
    const { client } = subscriber;
    takeOver(client, ({ messageId }) =>
      client.stream.write(generate({ cmd: 'pubrec', messageId: messageId! }, { protocolVersion })),
    );
    await subscriber.subscribe('a', { qos: 2 });
    await publisher.publish('a', '1', { qos: 2 });
    await until(() => sent('pubcomp').length === 1);
    expect(sent('pubcomp')[0]!.messageId).toBe(sent('pubrec')[0]!.messageId);
    expect(subscriber.received).toHaveLength(1);
  });

  it('emits "packetsend" before it writes a packet: what is changed there is on the wire', async () => {
    const { client } = subscriber;
    client.on('packetsend', (packet) => packet.cmd === 'publish' && (packet.dup = true));
    await subscriber.publish('a', '1', { qos: 1 });
    expect(sent('publish')).toMatchObject([{ topic: 'a', dup: true }]);
  });

  it('has a stream of its own for each connection', async () => {
    const { client } = subscriber;
    const { stream } = client;
    const connected = new Promise((resolve) => client.once('connect', resolve));
    client.reconnect();
    await connected;
    expect(client.stream).not.toBe(stream);
    expect(stream.destroyed).toBe(true);
  });
});

/** What `src/connection/outgoing-store.ts`, `in-flight.ts` and `replay-guard.ts` build on. */
describe('MQTT.js, with an outgoingStore', () => {
  const packet = { cmd: 'publish', topic: 'a', payload: 'x', qos: 1, retain: false, dup: true } as const;

  it('sends what it has one by one, each when the one before is acknowledged, and then emits "connect"', async () => {
    await using broker = await startStubBroker({ script: { publish: 'ignore' } });
    const client = connect(broker.url, {
      outgoingStore: storeOf([7, 3].map((messageId) => ({ ...packet, messageId }))),
    });
    let connected = false;
    client.on('connect', () => (connected = true));
    for (const messageId of [7, 3]) {
      await until(() => broker.packets('publish').at(-1)?.messageId === messageId);
      expect(connected).toBe(false);
      broker.connection.send({ cmd: 'puback', messageId });
    }
    await until(() => connected);
    expect(broker.packets('publish')).toMatchObject([
      { messageId: 7, dup: true },
      { messageId: 3, dup: true },
    ]);
    await client.endAsync(true);
  });

  it('tells whom "outgoing" has for its Packet Identifier, and takes it out of the store before', async () => {
    await using broker = await startStubBroker();
    const store = storeOf([{ ...packet, messageId: 7 }]);
    const client = connect(broker.url, { outgoingStore: store, manualConnect: true });
    const seen: unknown[] = [];
    client.outgoing[7] = {
      volatile: false,
      cmd: 'publish',
      cb: (error, sent) => seen.push(error, sent?.messageId),
    };
    client.connect();
    await until(() => seen.length > 0);
    expect(seen).toEqual([undefined, 7]);
    expect(store.deleted).toEqual([7]);
    await client.endAsync(true);
  });

  it('writes a message when the store has it, and puts it there in the call of publish()', async () => {
    await using broker = await startStubBroker();
    const store = storeOf([]);
    const client = await connectAsync(broker.url, { outgoingStore: store });
    const published = client.publishAsync('a', 'x', { qos: 1 });
    expect(store.puts).toHaveLength(1);
    await new Promise<void>((resolve) => client.publish('fence', 'x', () => resolve()));
    await until(() => broker.packets('publish').length > 0);
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['fence']);
    store.puts[0]!();
    await published;
    await client.endAsync(true);
  });
});

/** Has these, and stores what comes when it is told to. */
function storeOf(packets: readonly Packet[]) {
  const waiting: (() => void)[] = [];
  const deleted: (number | undefined)[] = [];
  const store = {
    puts: waiting,
    deleted,
    put: (_: Packet, done: () => void) => void waiting.push(done),
    createStream: () => Readable.from(packets),
    del: ({ messageId }: Packet, done: (error?: Error, packet?: Packet) => void) => {
      deleted.push(messageId);
      done(undefined, { cmd: 'publish', messageId } as Packet);
    },
    get: () => undefined,
    close: (done: () => void) => done(),
  };
  return store as unknown as IStore & typeof store;
}

function takeOver(client: MqttClient, onPublish: (packet: Packet) => void): void {
  client.on('packetreceive', (packet) => {
    if (packet.cmd !== 'publish' || packet.qos === 0) return;
    packet.qos = 0;
    onPublish(packet);
  });
}
