import { setTimeout as delay } from 'node:timers/promises';
import { ServerMqtt } from '../../src/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { seededRandom } from '../support/seeded-random.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const MESSAGES = 2000;
const TOPICS = 40;
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

/** A service that handles messages on chaos/+, some slowly, and counts how often each was handled. */
async function startService(url: string, protocolVersion: 4 | 5, random: () => number) {
  const handled = new Map<string, number>();
  const server = new ServerMqtt({
    url,
    protocolVersion,
    clientId: 'consumer',
    clean: false,
    reconnectPeriod: 20,
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 600 } }),
  });
  const handle = async (message: string) => {
    await delay(random() * 5);
    handled.set(message, (handled.get(message) ?? 0) + 1);
  };
  server.addHandler('chaos/+', handle, true, { qos: 2 });
  const error = await new Promise<unknown>((resolve) => server.listen(resolve));
  expect(error).toBeUndefined();
  return { handled, [Symbol.asyncDispose]: () => server.close() };
}

async function publish(device: Device, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    await device.publish(`chaos/${n % TOPICS}`, `q1-${n}`, { qos: 1 });
    await device.publish(`chaos/${n % TOPICS}`, `q2-${n}`, { qos: 2 });
  }
}

const all = () => Array.from({ length: MESSAGES }, (_, n) => [`q1-${n}`, `q2-${n}`]).flat();

const twice = (handled: ReadonlyMap<string, number>) =>
  [...handled].filter(([message, times]) => message.startsWith('q2-') && times > 1);

describeOnBrokers(
  `a connection that is cut at random bytes (CHAOS_SEED=${seed})`,
  ({ protocolVersion, start, kind }) => {
    it('loses no message, and has none of QoS 2 handled twice', async () => {
      const random = seededRandom(seed);
      await using broker = await start();
      await using proxy = await startTcpProxy(broker);
      await using device = await connectDevice(broker.url, { protocolVersion });
      await using service = await startService(proxy.url, protocolVersion, random);
      for (let cut = 0; cut < 20; cut++) {
        const connections = proxy.connectionCount;
        proxy.cutAfter(Math.floor(random() * 4000));
        await publish(device, (cut * MESSAGES) / 20, ((cut + 1) * MESSAGES) / 20);
        await until(() => proxy.connectionCount > connections);
      }
      const missing = () => all().filter((message) => !service.handled.has(message));
      await until(() => missing().length === 0, {
        deadlineMs: 20_000,
        message: () => `every message; these are missing: ${missing().slice(0, 10).join(', ')}`,
      });
      // Aedes 1.2 delivers again what has been through PUBREC, PUBREL and PUBCOMP.
      expect(kind === 'aedes' ? [] : twice(service.handled)).toEqual([]);
    }, 60_000);
  },
  { only: ({ kind, protocolVersion }) => kind === 'mosquitto' || protocolVersion === 4 },
);

describeWithMosquitto('a broker that is restarted', () => {
  it.each([4, 5] as const)(
    'has every message handled, and none of QoS 2 twice (version %d)',
    async (protocolVersion) => {
      const random = seededRandom(seed);
      await using broker = await startMosquitto({ persistence: true });
      await using service = await startService(broker.url, protocolVersion, random);
      for (let half = 0; half < 2; half++) {
        await using device = await connectDevice(broker.url, { protocolVersion });
        await publish(device, (half * MESSAGES) / 2, ((half + 1) * MESSAGES) / 2);
        if (half === 0) await broker.restart(); // while some are handled, and others wait
      }
      await until(() => service.handled.size === 2 * MESSAGES, { deadlineMs: 20_000 });
      expect(twice(service.handled)).toEqual([]);
    },
    60_000,
  );
});
