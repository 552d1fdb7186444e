import { jest } from '@jest/globals';
import { Tally } from '../../../src/server/tally.js';

describe('Tally', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('reports a second after the first one how many there were, and then those after them', () => {
    const reports: number[] = [];
    const tally = new Tally((count) => reports.push(count));
    tally.add();
    jest.advanceTimersByTime(999);
    tally.add();
    expect(reports).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(reports).toEqual([2]);
    tally.add();
    jest.advanceTimersByTime(1000);
    expect([reports, tally.total]).toEqual([[2, 1], 3]);
  });

  it('says nothing of nothing', () => {
    const reports: number[] = [];
    const tally = new Tally((count) => reports.push(count));
    tally.flush();
    tally.add();
    tally.flush();
    tally.flush();
    jest.advanceTimersByTime(5000);
    expect(reports).toEqual([1]);
  });
});
