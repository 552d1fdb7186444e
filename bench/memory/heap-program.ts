// A child process, started with --expose-gc: says how large the heap of a service is.
import { Logger } from '@nestjs/common';
import { prepareService } from '../services/prepare-service.js';
import type { ServiceSettings } from '../services/service.js';
import { heapUsed } from '../support/heap-used.js';

const settings = JSON.parse(process.argv[2]!) as ServiceSettings;

Logger.overrideLogger(['warn', 'error', 'fatal']);
process.once('disconnect', () => process.exit());
const service = await prepareService(settings, () => undefined);
await service.listen();
process.send!({ bytes: await heapUsed(), connected: service.client.connected });
