import { setTimeout as delay } from 'node:timers/promises';
import type { IPublishPacket } from 'mqtt-packet';
import { describeOnBrokers } from '../support/brokers.js';
import { buildPackage, type BuiltPackage } from '../support/built-package.js';
import { connectDevice } from '../support/device.js';
import { packetsOf } from '../support/packets.js';
import { seededRandom } from '../support/seeded-random.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { createChild } from './child.js';

const KILLS = 30;
const MESSAGES = 2000;
const TOPICS = 40;
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

describeOnBrokers(
  `a consumer that is killed ${KILLS} times (CHAOS_SEED=${seed})`,
  ({ protocolVersion, start, kind }) => {
    it('handles every message, and with QoS 2 none again whose PUBREC went out', async () => {
      const random = seededRandom(seed);
      await using broker = await start();
      await using proxy = await startTcpProxy(broker);
      await using device = await connectDevice(broker.url, { protocolVersion });
      const settings = { entry: built.entry, url: proxy.url, protocolVersion, maxDelayMs: 4 };
      await using consumer = await createChild('consumer.mjs', settings);
      let published = 0;
      const publish = async (count: number) => {
        for (const end = Math.min(published + count, MESSAGES); published < end; published++) {
          const topic = `chaos/${published % TOPICS}`;
          await device.publish(topic, `q1-${published}`, { qos: 1 });
          await device.publish(topic, `q2-${published}`, { qos: 2 });
        }
      };

      consumer.start();
      await consumer.said('ready');
      for (let kill = 1; kill <= KILLS; kill++) {
        await publish(Math.floor(random() * 2 * (MESSAGES / KILLS)));
        await delay(random() * 30);
        await consumer.end('SIGKILL');
        const starts = consumer.messages('ready').length;
        consumer.start();
        // sometimes killed before it is connected, sometimes in the middle of what it gets again
        if (random() < 0.7) await consumer.said('ready', starts + 1);
      }
      await publish(MESSAGES);
      await until(() => new Set(consumer.messages('end')).size === 2 * MESSAGES, { deadlineMs: 30_000 });
      await consumer.end('SIGTERM');

      const ends = countOf(consumer.messages('end'));
      const { deliveries, unanswered } = exactlyOnceDeliveries(proxy, protocolVersion);
      // Aedes 1.2 delivers again what has been through PUBREC, PUBREL and PUBCOMP: there, once for each delivery.
      const allowed = (message: string) =>
        kind === 'aedes' ? deliveries.get(message)! : 1 + (unanswered.get(message) ?? 0);
      const twice = [...ends].filter(
        ([message, times]) => message.startsWith('q2-') && times > allowed(message),
      );
      expect(twice).toEqual([]);
      expect(ends.size).toBe(2 * MESSAGES);
    }, 120_000);
  },
  { only: ({ kind, protocolVersion }) => kind === 'mosquitto' || protocolVersion === 4 },
);

/** How often each QoS 2 message was delivered, on all connections, and how often without a PUBREC: the kill came before. */
function exactlyOnceDeliveries(proxy: TcpProxy, protocolVersion: 4 | 5) {
  const deliveries: string[] = [];
  const open = new Map<string, string>();
  for (const packet of packetsOf(proxy, protocolVersion)) {
    const exchange = `${packet.connection} ${packet.messageId}`;
    if (packet.cmd === 'pubrec' && packet.direction === 'toBroker') open.delete(exchange);
    if (packet.cmd !== 'publish' || packet.direction !== 'toClient' || packet.qos !== 2) continue;
    const message = (packet as IPublishPacket).payload.toString();
    open.set(exchange, message);
    deliveries.push(message);
  }
  return { deliveries: countOf(deliveries), unanswered: countOf([...open.values()]) };
}

function countOf(messages: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const message of messages) counts.set(message, (counts.get(message) ?? 0) + 1);
  return counts;
}
