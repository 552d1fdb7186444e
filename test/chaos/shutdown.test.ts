import { buildPackage, type BuiltPackage } from '../support/built-package.js';
import { describeOnBrokers } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { fence } from '../support/fence.js';
import { createChild } from './child.js';

const JOBS = 20;

let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage();
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

describeOnBrokers(
  'SIGTERM while 20 handlers run',
  ({ protocolVersion, start, kind }) => {
    it('lets all of them end and be acknowledged: none comes again after the restart', async () => {
      await using broker = await start();
      await using device = await connectDevice(broker.url, { protocolVersion });
      const settings = { entry: built.entry, url: broker.url, protocolVersion };
      await using service = await createChild('service.mjs', settings);
      service.start();
      await service.said('ready');
      // Aedes 1.2 delivers again what has been through PUBREC, PUBREL and PUBCOMP.
      const qosOf = (job: number) => (kind === 'aedes' || job % 2 === 0 ? 1 : 2);
      for (let job = 0; job < JOBS; job++) {
        await device.publish(`jobs/${job}`, String(job), { qos: qosOf(job) });
      }
      await service.said('begin', JOBS);
      expect(service.messages('end').length).toBeLessThan(JOBS);
      expect(await service.end('SIGTERM')).toBe('SIGTERM'); // Nest's own way to end, when all is done
      expect(new Set(service.messages('end')).size).toBe(JOBS);

      service.start();
      await service.said('ready', 2);
      await device.publish('jobs/last', 'last', { qos: 1 });
      await service.said('end', JOBS + 1);
      await fence(device);
      expect(service.messages('begin').length).toBe(JOBS + 1);
      expect(await service.end('SIGTERM')).toBe('SIGTERM');
    }, 60_000);
  },
  { only: ({ kind, protocolVersion }) => kind === 'mosquitto' || protocolVersion === 4 },
);
