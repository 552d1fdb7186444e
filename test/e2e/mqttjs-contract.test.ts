import type { MqttClient, Packet } from 'mqtt';
import { generate } from 'mqtt-packet';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice, type Device } from '../support/device.js';
import { fence } from '../support/fence.js';
import { packetsOf } from '../support/packets.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** What `src/connection/inbound-publishes.ts` and `replay-guard.ts` build on, with the MQTT.js that is installed. */
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

function takeOver(client: MqttClient, onPublish: (packet: Packet) => void): void {
  client.on('packetreceive', (packet) => {
    if (packet.cmd !== 'publish' || packet.qos === 0) return;
    packet.qos = 0;
    onPublish(packet);
  });
}
