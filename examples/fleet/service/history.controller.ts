import { Controller, Get } from '@nestjs/common';
import { Readings, type Reading } from './readings.js';
import { Statistics, type Snapshot } from './statistics.js';

export interface History {
  /** By `<device>/<quantity>`. */
  readonly readings: Readonly<Record<string, readonly Reading[]>>;
  readonly statistics: readonly Snapshot[];
}

/** HTTP: what was there before a page was opened; what comes later it has from the broker. */
@Controller('history')
export class HistoryController {
  constructor(
    private readonly readings: Readings,
    private readonly statistics: Statistics,
  ) {}

  @Get()
  history(): History {
    return { readings: this.readings.all(), statistics: this.statistics.latest };
  }
}
