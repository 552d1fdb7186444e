import { setTimeout as delay } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { ConnectionError, MqttRecord } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startMosquitto, type Mosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { packetsOf, type PassedPacket } from '../support/packets.js';
import { createClient, startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const OUTAGES = 10;
const OUTAGE_MS = Number(process.env.CHAOS_OUTAGE_MS ?? 500);
const MESSAGES = 5000;
const PART = MESSAGES / OUTAGES;
const TOPICS = 10;
/** How many messages a device has unacknowledged at once. */
const WINDOW = 20;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const record = (n: number) => new MqttRecord(String(n), { qos: 1 });
const topicOf = (n: number) => n % TOPICS;

describeWithMosquitto('a broker that is down at first', () => {
  const versions = [4, 5] as const;

  it.each(versions)('is waited for by a service and a client (version %d)', async (protocolVersion) => {
    await using broker = await startMosquitto();
    await broker.stop();
    const handled: unknown[] = [];
    const options = { url: broker.url, protocolVersion, reconnectPeriod: 20 };
    await using server = createServer(options, {
      events: { greetings: (data) => handled.push(data) },
      messages: { double: (data) => 2 * Number(data) },
    });
    await using client = createClient({ ...options, maxConnectionAttempts: -1 });
    const listening = listen(server);
    const emitted = outcomeOf(client.emit('greetings', new MqttRecord('hello', { qos: 1, retain: true })));
    await until(() => logs.errors().filter((line) => line.includes('trying again')).length === 2);

    await broker.start();
    await listening;
    expect(await emitted).toBe('done');
    await until(() => handled.length === 1);
    expect(handled).toEqual(['hello']);
    expect(await lastValueFrom(client.send('double', 21))).toBe(42);
  });

  it.each(versions)(
    'fails what a client sends by default, until it is there (version %d)',
    async (protocolVersion) => {
      await using broker = await startMosquitto();
      await broker.stop();
      await using client = createClient({ url: broker.url, protocolVersion });
      expect(await outcomeOf(client.emit('a', record(1)))).toBeInstanceOf(ConnectionError);
      await broker.start();
      expect(await outcomeOf(client.emit('a', record(2)))).toBe('done');
    },
  );
});

describeWithMosquitto(`a broker that goes away ${OUTAGES} times for ${OUTAGE_MS} ms`, () => {
  it.each([4, 5] as const)(
    `loses none of ${MESSAGES} QoS 1 messages each way, nor their order (version %d)`,
    async (protocolVersion) => {
      const session = (clientId: string) => keptSession(clientId, protocolVersion);
      await using broker = await startMosquitto({ persistence: true });
      await using proxy = await startTcpProxy(broker);
      const handled: string[][] = Array.from({ length: TOPICS }, () => []);
      await using _service = await startServer(
        { url: proxy.url, ...session('service') },
        {
          events: { 'up/+': (data, { topic }) => handled[Number(topic.slice(3))]!.push(String(data)) },
          options: { qos: 1 },
        },
      );
      await using client = await startClient(proxy.url, session('client'));
      await using device = await connectDevice(proxy.url, session('device'));
      await device.subscribe('down/+');

      await publishThroughOutages(broker, proxy, {
        down: (n) => lastValueFrom(client.emit(`down/${topicOf(n)}`, record(n))),
        up: (n) => again(() => device.publish(`up/${topicOf(n)}`, String(n), { qos: 1 })),
      });
      await expectAll(() => handled);
      await expectAll(() => byTopic(device.received.map(({ payload }) => payload.toString())));

      const packets = packetsOf(proxy, protocolVersion);
      const sent = packetsWith('client', packets);
      expect(sent.filter(isMessage('down/')).length).toBeGreaterThan(MESSAGES); // else no end caught any on its way
      expect(wronglyRepeated(sent)).toEqual([]);
      const delivered = timesOf(packetsWith('service', packets).filter(isMessage('up/')).map(textOf));
      const tooOften = [...timesOf(handled.flat())].filter(([text, times]) => times > delivered.get(text)!);
      expect(tooOften).toEqual([]);
    },
    60_000 + 2 * OUTAGES * OUTAGE_MS,
  );
});

function keptSession(clientId: string, protocolVersion: 4 | 5) {
  return {
    protocolVersion,
    clientId,
    clean: false,
    reconnectPeriod: 50,
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 600 } }),
  };
}

type Publish = (n: number) => Promise<unknown>;

/** In parts: the broker ends when a fifth of a part is acknowledged, and comes back while the rest waits. */
async function publishThroughOutages(
  broker: Mosquitto,
  proxy: TcpProxy,
  publish: { readonly down: Publish; readonly up: Publish },
): Promise<void> {
  let [down, up] = [Promise.resolve(), Promise.resolve()];
  for (let outage = 0; outage < OUTAGES; outage++) {
    const from = outage * PART;
    const acknowledged = counter(PART / 5);
    const counted = (publishOne: Publish) => (n: number) => publishOne(n).then(acknowledged.count);
    down = down.then(() => publishAll(from, from + PART, PART, counted(publish.down)));
    up = up.then(() => publishAll(from, from + PART, WINDOW, counted(publish.up)));
    await Promise.race([acknowledged.reached, Promise.all([down, up])]);
    await end(broker, proxy, outage % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    await delay(OUTAGE_MS);
    await broker.start();
  }
  await Promise.all([down, up]);
}

/** All that was published, by topic, in the order of the first time [MQTT-4.6.0]. */
async function expectAll(arrived: () => readonly string[][]): Promise<void> {
  const missing = () => MESSAGES - new Set(arrived().flat()).size;
  await until(() => missing() === 0, { deadlineMs: 20_000, message: () => `${missing()} messages` });
  const all = Array.from({ length: MESSAGES }, (_, n) => String(n));
  expect(arrived().map((messages) => [...new Set(messages)])).toEqual(byTopic(all));
}

function counter(goal: number) {
  let count = 0;
  let reach: () => void;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  return { reached, count: () => void (++count === goal && reach()) };
}

/** In order, at most `window` of them unacknowledged. */
async function publishAll(from: number, to: number, window: number, publish: Publish): Promise<void> {
  let next = from;
  const worker = async () => {
    while (next < to) await publish(next++);
  };
  await Promise.all(Array.from({ length: Math.min(window, to - from) }, worker));
}

/** MQTT.js, of which the device is made, fails what it is given while it sends again what was unacknowledged, if that fails. */
async function again(publish: () => Promise<unknown>): Promise<void> {
  try {
    await publish();
  } catch (error) {
    if ((error as Error).message !== 'Connection closed') throw error;
    await again(publish);
  }
}

/**
 * SIGKILL leaves on disk what mosquitto had at its last save. That it acknowledged what came since is kept from everybody, as
 * by a broker that saves first: what has been acknowledged must not be lost.
 */
async function end(broker: Mosquitto, proxy: TcpProxy, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (signal === 'SIGTERM') {
    await broker.stop();
    return;
  }
  proxy.pause('toClient');
  await broker.save();
  await broker.kill9();
  proxy.cut();
  proxy.resume();
}

function byTopic(messages: readonly string[]): string[][] {
  const topics: string[][] = Array.from({ length: TOPICS }, () => []);
  for (const message of messages) topics[topicOf(Number(message))]!.push(message);
  return topics;
}

const isMessage = (prefix: string) => (packet: PassedPacket) =>
  packet.cmd === 'publish' && packet.topic.startsWith(prefix);

const textOf = (packet: PassedPacket) => (packet.cmd === 'publish' ? packet.payload.toString() : '');

/** Of all connections of a client. */
function packetsWith(clientId: string, packets: readonly PassedPacket[]): PassedPacket[] {
  const connections = packets.flatMap((packet) =>
    packet.cmd === 'connect' && packet.clientId === clientId ? [packet.connection] : [],
  );
  return packets.filter(({ connection }) => connections.includes(connection));
}

function timesOf(messages: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const message of messages) times.set(message, (times.get(message) ?? 0) + 1);
  return times;
}

/** What a publisher must not send again: on the same connection, after its PUBACK, or without DUP [MQTT-3.3.1-1]. */
function wronglyRepeated(packets: readonly PassedPacket[]): string[] {
  const connectionOf = new Map<string, number>();
  const messageOf = new Map<string, string>();
  const acknowledged = new Set<string>();
  return packets.flatMap((packet) => {
    const { cmd, connection } = packet;
    const exchange = `${connection} ${packet.messageId}`;
    if (cmd === 'puback') acknowledged.add(messageOf.get(exchange)!);
    if (cmd !== 'publish') return [];
    const message = textOf(packet);
    const isRepeated = connectionOf.has(message);
    const isSameConnection = connectionOf.get(message) === connection;
    connectionOf.set(message, connection);
    messageOf.set(exchange, message);
    return isRepeated && (isSameConnection || acknowledged.has(message) || !packet.dup) ? [message] : [];
  });
}
