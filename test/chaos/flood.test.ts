import { buildPackage } from '../support/built-package.js';
import { describeOnBrokers } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { createChild } from './child.js';

const MESSAGES = 100_000;
const TOPICS = 20;
const HEAP_MB = 150;

describeOnBrokers(
  'a flood of 100,000 QoS 0 messages for a handler of 10 ms',
  ({ start }) => {
    it(`leaves the heap below ${HEAP_MB} MB, and every message handled or counted as dropped`, async () => {
      await using built = await buildPackage();
      await using broker = await start();
      await using device = await connectDevice(broker.url);
      const settings = { entry: built.entry, url: broker.url };
      // The limit is V8's own: a process that needs more ends with an error.
      await using consumer = await createChild(
        'flooded-consumer.mjs',
        settings,
        `--max-old-space-size=${HEAP_MB}`,
      );
      consumer.start();
      await consumer.said('ready');
      const payload = 'x'.repeat(500);
      for (let n = 1; n <= MESSAGES; n++) {
        const published = device.publish(`flood/${n % TOPICS}`, payload);
        if (n % 1000 === 0) await published;
      }
      await consumer.said('received', MESSAGES / 10_000);
      expect(await consumer.end('SIGTERM')).toBe(0);

      const drops = consumer.messages('warn').map((line) => /^Dropped (\d+) QoS 0 messages/.exec(line)?.[1]);
      const dropped = drops.reduce((sum, count) => sum + Number(count), 0);
      expect(dropped).toBeGreaterThan(0);
      expect(Number(consumer.messages('handled')[0]) + dropped).toBe(MESSAGES);
      expect(consumer.messages('error')).toEqual([]);
    }, 60_000);
  },
  { only: ({ kind, protocolVersion }) => kind === 'aedes' && protocolVersion === 4 },
);
