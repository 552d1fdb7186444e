import { BackOff, type ReconnectOptions } from '../../../src/connection/back-off.js';
import { ConfigurationError } from '../../../src/index.js';

const delays = (backOff: BackOff | undefined, count: number) =>
  Array.from({ length: count }, () => backOff?.next());

describe('the delays before a connection is made again', () => {
  it.each<[string, ReconnectOptions, readonly number[]]>([
    ['double up to 30 s', {}, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
    ['grow by the factor', { factor: 3, initialMs: 10, maxMs: 200 }, [10, 30, 90, 200, 200]],
    ['are all the same with a factor of 1', { factor: 1, initialMs: 7 }, [7, 7, 7]],
    ['begin with maxMs if that is less than a second', { maxMs: 50 }, [50, 50]],
  ])('%s', (_, options, expected) => {
    expect(delays(new BackOff({ ...options, jitter: 0 }), expected.length)).toEqual(expected);
  });

  it('stay at maxMs for ever', () => {
    const backOff = new BackOff({ jitter: 0 });
    expect(delays(backOff, 5000).at(-1)).toBe(30_000);
  });

  it.each([0.1, 0.5, 1])('come up to a part of %d earlier, by chance', (jitter) => {
    const firsts = Array.from({ length: 200 }, () => new BackOff({ jitter }).next());
    expect(Math.max(...firsts)).toBeLessThanOrEqual(1000);
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(1000 * (1 - jitter));
    expect(Math.max(...firsts) - Math.min(...firsts)).toBeGreaterThan(1000 * jitter * 0.8);
  });

  it.each([
    ['a fixed delay', 250, [250, 250, 250]],
    ['none at all, with 0', 0, [undefined, undefined, undefined]],
    ['as long as a timer can wait', Infinity, Array(3).fill(2 ** 31 - 1)],
  ])('are with a reconnectPeriod: %s', (_, reconnectPeriod, expected) => {
    expect(delays(BackOff.from({ reconnectPeriod }), 3)).toEqual(expected);
  });

  it.each<[ReconnectOptions, string]>([
    [{ initialMs: 0 }, 'reconnect.initialMs must be from 1 to 2147483647, not 0'],
    [{ initialMs: 20, maxMs: 10 }, 'reconnect.maxMs must be from 20 to 2147483647, not 10'],
    [{ maxMs: Infinity }, 'reconnect.maxMs must be from 1000 to 2147483647, not Infinity'],
    [{ factor: 0.5 }, 'reconnect.factor must be from 1 to Infinity, not 0.5'],
    [{ jitter: 1.1 }, 'reconnect.jitter must be from 0 to 1, not 1.1'],
    [{ jitter: NaN }, 'reconnect.jitter must be from 0 to 1, not NaN'],
  ])('cannot be had from %j', (options, message) => {
    expect(() => BackOff.from({ reconnect: options })).toThrow(ConfigurationError);
    expect(() => BackOff.from({ reconnect: options })).toThrow(message);
  });

  it('are either fixed or not', () => {
    expect(() => BackOff.from({ reconnect: {}, reconnectPeriod: 20 })).toThrow('exclude each other');
  });
});
