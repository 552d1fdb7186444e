// A child process: starts a service, and says how long that took.
import { Logger } from '@nestjs/common';
import { prepareService } from '../services/prepare-service.js';
import type { ServiceSettings } from '../services/service.js';
import type { StartUpReport } from './protocol.js';

const settings = JSON.parse(process.argv[2]!) as ServiceSettings;

Logger.overrideLogger(['warn', 'error', 'fatal']);
process.once('disconnect', () => process.exit());
await prepareService({ ...settings, otherHandlers: 0 }, () => undefined); // loads what it needs
process.send!(await measure());

async function measure(): Promise<StartUpReport> {
  const usage = process.cpuUsage();
  const start = performance.now();
  const service = await prepareService(settings, () => undefined);
  const prepared = performance.now();
  await service.listen();
  const listening = performance.now();
  const { user, system } = process.cpuUsage(usage);
  return {
    preparationMs: prepared - start,
    listenMs: listening - prepared,
    cpuMs: (user + system) / 1000,
  };
}
