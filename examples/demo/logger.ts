import { ConsoleLogger } from '@nestjs/common';
import { COLOURED } from './coloured.js';

/** Nest's own log without its start-up messages: the journal tells what happens. */
export const LOGGER = new ConsoleLogger({ logLevels: ['warn', 'error', 'fatal'], colors: COLOURED });
