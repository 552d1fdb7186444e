import { until } from '../../support/until.js';

describe('until', () => {
  it('resolves with the first truthy value', async () => {
    let calls = 0;
    await expect(until(() => (calls += 1) > 2 && calls)).resolves.toBe(3);
  });

  it('asks a condition again that throws', async () => {
    let calls = 0;
    const condition = () => {
      calls += 1;
      expect(calls).toBe(2);
      return 'met';
    };
    await expect(until(condition)).resolves.toBe('met');
  });

  it('rejects at the deadline with what it waited for and the last value', async () => {
    const waiting = until(() => 0, { deadlineMs: 20, message: 'the door to open' });
    await expect(waiting).rejects.toThrow('Waited 20 ms for the door to open; last value: 0');
  });

  it('rejects at the deadline with the last error as its cause', async () => {
    const error = new Error('no door');
    const waiting = until(() => Promise.reject(error), { deadlineMs: 20 });
    await expect(waiting).rejects.toMatchObject({
      message: 'Waited 20 ms for the condition; last error: no door',
      cause: error,
    });
  });

  it('rejects at the deadline if the condition never answers', async () => {
    await expect(until(() => new Promise<never>(() => {}), { deadlineMs: 20 })).rejects.toThrow(
      'Waited 20 ms',
    );
  });
});
