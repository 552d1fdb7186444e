import { jest } from '@jest/globals';
import { BackOff, type ReconnectOptions } from '../../../src/connection/back-off.js';
import { ConnectionAttempts } from '../../../src/connection/connection-attempts.js';
import { FakeClient } from './fake-client.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A service whose broker is up when `isUp` says so; an attempt takes no time. */
class FakeService {
  readonly client: FakeClient;
  readonly attempts: ConnectionAttempts;

  constructor(isUp: () => boolean, options?: ReconnectOptions) {
    this.client = new FakeClient((client) => {
      client.connected = isUp();
      if (client.connected) this.attempts.noteReady();
      else this.attempts.next();
    });
    const onFailed = (error: Error) => {
      throw error;
    };
    this.attempts = new ConnectionAttempts(this.client.asClient, {
      address: 'mqtt://broker',
      backOff: new BackOff(options),
      prepare: () => Promise.resolve(),
      onFailed,
    });
  }

  lose(): void {
    this.client.connected = false;
    this.attempts.next();
  }
}

describe('a day without a broker', () => {
  it('has some 3900 attempts, the first ones soon, the others 15 to 30 s after each other', async () => {
    const service = new FakeService(() => false);
    service.attempts.start();
    await jest.advanceTimersByTimeAsync(24 * HOUR);
    const { delays } = service.client;
    for (const [index, longest] of [1, 2, 4, 8, 16].entries()) {
      expect(delays[index]).toBeGreaterThanOrEqual((longest * SECOND) / 2 - 1);
      expect(delays[index]).toBeLessThanOrEqual(longest * SECOND);
    }
    expect(Math.min(...delays.slice(5))).toBeGreaterThanOrEqual(15 * SECOND - 1); // timers count whole milliseconds
    expect(Math.max(...delays)).toBeLessThanOrEqual(30 * SECOND);
    // (24 * 3600 - 23) s at 22.5 s on average: 3839, with a standard deviation of 12
    expect(delays.length).toBeGreaterThan(3700);
    expect(delays.length).toBeLessThan(3980);
  });

  it('has one attempt each half a minute without jitter', async () => {
    const service = new FakeService(() => false, { jitter: 0 });
    service.attempts.start();
    await jest.advanceTimersByTimeAsync(24 * HOUR);
    expect(service.client.delays.slice(0, 7)).toEqual([1, 2, 4, 8, 16, 30, 30].map((s) => s * SECOND));
    expect(service.client.attemptsAt).toHaveLength(1 + 5 + Math.floor((24 * 3600 - 31) / 30));
  });
});

describe('the back-off', () => {
  it('starts over when a connection was ready for maxMs, and goes on when it was not', async () => {
    let up = false;
    const service = new FakeService(() => up, { jitter: 0 });
    service.attempts.start();
    await jest.advanceTimersByTimeAsync(10 * MINUTE);
    up = true;
    await jest.advanceTimersByTimeAsync(30 * SECOND);
    expect(service.client.connected).toBe(true);

    const delayAfterLoss = async () => {
      const lostAt = performance.now();
      service.lose();
      await jest.advanceTimersByTimeAsync(30 * SECOND);
      return service.client.attemptsAt.at(-1)! - lostAt;
    };
    expect(await delayAfterLoss()).toBe(30 * SECOND);
    await jest.advanceTimersByTimeAsync(29 * SECOND);
    expect(await delayAfterLoss()).toBe(30 * SECOND);
    await jest.advanceTimersByTimeAsync(30 * SECOND);
    expect(await delayAfterLoss()).toBe(1 * SECOND);
  });

  it('makes two clients that take the session from each other do so some three times a minute, not every second', async () => {
    const a: FakeService = new FakeService(() => takeOver(b));
    const b: FakeService = new FakeService(() => takeOver(a));
    const takeOver = (other: FakeService) => {
      if (other.client.connected) other.lose();
      return true;
    };
    a.attempts.start();
    b.attempts.start();
    await jest.advanceTimersByTimeAsync(HOUR);
    const count = a.client.attemptsAt.length + b.client.attemptsAt.length;
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThan(300);
  });

  it('does not bring a fleet back in step', async () => {
    const restartedAt = 2 * MINUTE;
    const fleet = Array.from({ length: 2000 }, () => new FakeService(() => performance.now() >= end));
    const end = performance.now() + restartedAt;
    for (const service of fleet) service.lose();
    await jest.advanceTimersByTimeAsync(restartedAt + 30 * SECOND);
    const seconds = fleet.map(({ client }) => Math.floor((client.attemptsAt.at(-1)! - end) / SECOND));
    const perSecond = seconds.reduce(
      (counts, s) => counts.set(s, (counts.get(s) ?? 0) + 1),
      new Map<number, number>(),
    );
    expect(fleet.every(({ client }) => client.connected)).toBe(true);
    expect(Math.max(...perSecond.values())).toBeLessThan(150); // 89 in most of them, with a standard deviation of 9
  });
});

describe('an attempt', () => {
  it('does not follow end()', async () => {
    const service = new FakeService(() => false);
    service.attempts.start();
    await jest.advanceTimersByTimeAsync(MINUTE);
    const count = service.client.attemptsAt.length;
    service.attempts.end();
    await jest.advanceTimersByTimeAsync(HOUR);
    expect(service.client.attemptsAt).toHaveLength(count);
  });

  it('is not made twice when somebody else makes it', async () => {
    const service = new FakeService(() => true);
    service.attempts.start();
    await jest.advanceTimersByTimeAsync(0);
    service.lose();
    service.client.reconnect();
    await jest.advanceTimersByTimeAsync(HOUR);
    expect(service.client.attemptsAt).toHaveLength(2);
  });
});
