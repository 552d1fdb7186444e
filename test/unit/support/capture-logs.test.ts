import { Logger } from '@nestjs/common';
import { captureLogs } from '../../support/capture-logs.js';

describe('captureLogs', () => {
  it('keeps the level, the message, the context and the stack', () => {
    using logs = captureLogs();
    const logger = new Logger('Here');
    logger.warn('careful');
    logger.error('broken', 'Error: broken\n    at here');
    logger.error(new Error('worse'));
    expect(logs.lines).toEqual([
      { level: 'warn', message: 'careful', context: 'Here', details: [] },
      { level: 'error', message: 'broken', context: 'Here', details: ['Error: broken\n    at here'] },
      { level: 'error', message: 'worse', context: 'Here', details: [] },
    ]);
    expect([logs.warnings(), logs.errors()]).toEqual([['careful'], ['broken', 'worse']]);
  });

  it('gives each line to every active capture, and to none that has ended', () => {
    using first = captureLogs();
    {
      using second = captureLogs();
      Logger.log('both');
      expect(second.messages()).toEqual(['both']);
    }
    Logger.log('first');
    expect(first.messages()).toEqual(['both', 'first']);
  });
});
