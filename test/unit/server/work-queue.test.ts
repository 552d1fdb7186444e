import fc from 'fast-check';
import { Lane, WorkQueue, type Work } from '../../../src/server/work-queue.js';
import { closedGate, type Gate } from '../../support/gate.js';
import { fastCheckSettings } from '../fast-check-settings.js';

describe('WorkQueue', () => {
  it('runs work without a key at once', () => {
    const { queue, lane, submit, started } = createQueue();
    submit(lane, 'a');
    submit(lane, 'b');
    expect([started, queue.running, queue.waiting]).toEqual([['a', 'b'], 2, 0]);
  });

  it('runs work of the same key one after the other, and that of others at once', async () => {
    const { lane, submit, started, end } = createQueue();
    submit(lane, 'a1', { key: 'a' });
    submit(lane, 'a2', { key: 'a' });
    submit(lane, 'b1', { key: 'b' });
    submit(lane, 'a3', { key: 'a' });
    expect(started).toEqual(['a1', 'b1']);
    await end('a1');
    expect(started).toEqual(['a1', 'b1', 'a2']);
    await end('a2');
    expect(started).toEqual(['a1', 'b1', 'a2', 'a3']);
  });

  it('takes the same key on another lane for another', () => {
    const { submit, started } = createQueue();
    submit(new Lane(Infinity), 'a', { key: 'k' });
    submit(new Lane(Infinity), 'b', { key: 'k' });
    expect(started).toEqual(['a', 'b']);
  });

  it('takes "__proto__" and the empty string for keys', () => {
    const { lane, submit, started } = createQueue();
    for (const key of ['__proto__', '']) for (const n of [1, 2]) submit(lane, `${key}${n}`, { key });
    expect(started).toEqual(['__proto__1', '1']);
  });

  it('runs no more of a lane at once than it may', async () => {
    const { submit, started, end } = createQueue();
    const lane = new Lane(2);
    for (const name of ['a', 'b', 'c', 'd']) submit(lane, name);
    submit(new Lane(1), 'other');
    expect(started).toEqual(['a', 'b', 'other']);
    await end('b');
    expect(started).toEqual(['a', 'b', 'other', 'c']);
  });

  it('runs no more in all than it may, and one of each lane in turn', async () => {
    const { submit, started, end } = createQueue({ concurrency: 1 });
    const [busy, quiet] = [new Lane(Infinity), new Lane(Infinity)];
    for (const name of ['a1', 'a2', 'a3']) submit(busy, name);
    for (const name of ['b1', 'b2']) submit(quiet, name);
    for (const name of ['a1', 'a2', 'b1', 'a3']) await end(name);
    expect(started).toEqual(['a1', 'a2', 'b1', 'a3', 'b2']);
  });

  it('lets a lane that is full not keep another from running', async () => {
    const { submit, started, end } = createQueue({ concurrency: 2 });
    const [full, free] = [new Lane(1), new Lane(1)];
    submit(full, 'a1');
    submit(full, 'a2');
    submit(free, 'b1');
    submit(free, 'b2');
    await end('b1');
    expect(started).toEqual(['a1', 'b1', 'b2']);
  });

  it('goes on after work that ends at once', async () => {
    const queue = new WorkQueue({ concurrency: 1, maxQueued: 10 });
    const lane = new Lane(1);
    let runs = 0;
    const work = { key: 'k', droppable: true, run: () => Promise.resolve(void runs++), drop: fail };
    for (let n = 0; n < 10; n++) queue.submit(lane, work);
    await queue.idle();
    expect(runs).toBe(10);
  });

  it('drops the oldest work that waits and may be dropped', async () => {
    const { lane, submit, started, dropped, end, queue } = createQueue({ maxQueued: 2 });
    submit(lane, 'running', { key: 'k' });
    submit(lane, 'held', { key: 'k', droppable: false });
    for (const name of ['a', 'b', 'c', 'd']) submit(lane, name, { key: 'k' });
    expect(dropped).toEqual(['a', 'b']);
    expect(queue.waiting).toBe(3);
    for (const name of ['running', 'held', 'c', 'd']) await end(name);
    expect(started).toEqual(['running', 'held', 'c', 'd']);
    expect([queue.running, queue.waiting]).toEqual([0, 0]);
  });

  it('passes the key of dropped work on to what waits behind it', async () => {
    const { submit, dropped, started, end } = createQueue({ concurrency: 1, maxQueued: 1 });
    const lane = new Lane(Infinity);
    submit(lane, 'running');
    submit(lane, 'a1', { key: 'a' });
    submit(lane, 'a2', { key: 'a', droppable: false });
    submit(lane, 'b1', { key: 'b' });
    expect(dropped).toEqual(['a1']);
    for (const name of ['running', 'b1', 'a2']) await end(name);
    expect(started).toContain('a2');
  });

  it('drops what would wait if nothing may', () => {
    const { lane, submit, started, dropped } = createQueue({ maxQueued: 0 });
    submit(lane, 'a', { key: 'k' });
    submit(lane, 'b', { key: 'k' });
    expect([started, dropped]).toEqual([['a'], ['b']]);
  });

  it('is idle when nothing runs or waits, and tells everyone', async () => {
    const { queue, lane, submit, end } = createQueue();
    await queue.idle();
    submit(lane, 'a', { key: 'k' });
    submit(lane, 'b', { key: 'k' });
    let idle = 0;
    const both = [queue.idle(), queue.idle()].map((promise) => promise.then(() => idle++));
    await end('a');
    expect(idle).toBe(0);
    await end('b');
    await Promise.all(both);
    expect(idle).toBe(2);
  });

  it('drops everything that waits with clear(), at once, and is idle when the rest has ended', async () => {
    const { queue, lane, submit, started, dropped, end } = createQueue();
    submit(lane, 'running', { key: 'k' });
    submit(lane, 'a', { key: 'k', droppable: false });
    submit(lane, 'b', { key: 'k' });
    queue.clear();
    expect(dropped).toEqual(['a', 'b']);
    const idle = queue.idle();
    await end('running');
    await idle;
    expect([started, dropped]).toEqual([['running'], ['a', 'b']]);
  });

  it('keeps its limits and the order of each key, and loses nothing', async () => {
    const submissions = fc.array(
      fc.record({
        lane: fc.nat({ max: 2 }),
        key: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
        droppable: fc.boolean(),
        endOne: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    const limits = fc.record({
      concurrency: fc.integer({ min: 1, max: 4 }),
      maxQueued: fc.nat({ max: 5 }),
      lanes: fc.array(fc.constantFrom(1, 2, Infinity), { minLength: 3, maxLength: 3 }),
      ends: fc.infiniteStream(fc.nat({ max: 9 })),
    });
    await fc.assert(fc.asyncProperty(submissions, limits, simulate), { ...fastCheckSettings, numRuns: 300 });
  });
});

interface Submission {
  readonly lane: number;
  readonly key: string | undefined;
  readonly droppable: boolean;
  readonly endOne: boolean;
}

interface Limits {
  readonly concurrency: number;
  readonly maxQueued: number;
  readonly lanes: readonly number[];
  readonly ends: Iterator<number>;
}

async function simulate(submissions: readonly Submission[], limits: Limits): Promise<void> {
  const lanes = limits.lanes.map((concurrency) => new Lane(concurrency));
  const { queue, submit, started, dropped, running, end } = createQueue(limits);
  const names = () => [...running.keys()];
  const endOne = async () => {
    const candidates = names();
    await end(candidates[limits.ends.next().value! % candidates.length]!);
    check();
  };
  const check = () => {
    expect(running.size).toBe(queue.running);
    expect(running.size).toBeLessThanOrEqual(limits.concurrency);
    lanes.forEach((lane, index) => {
      const ofLane = names().filter((name) => submissions[Number(name)]!.lane === index);
      expect(ofLane.length).toBe(lane.running);
      expect(lane.running).toBeLessThanOrEqual(limits.lanes[index]!);
    });
    const waiting = submissions
      .map((submission, index) => ({ ...submission, name: String(index) }))
      .filter(({ name }) => submitted.has(name) && !started.includes(name) && !dropped.includes(name));
    expect(waiting).toHaveLength(queue.waiting);
    expect(waiting.filter(({ droppable }) => droppable).length).toBeLessThanOrEqual(limits.maxQueued);
    const canRun = ({ lane, key }: Submission) =>
      running.size < limits.concurrency &&
      lanes[lane]!.running < limits.lanes[lane]! &&
      !names().some((name) => key !== undefined && isOf(lane, key)(name));
    expect(waiting.filter(canRun)).toEqual([]);
  };
  const isOf = (lane: number, key: string) => (name: string) =>
    submissions[Number(name)]!.lane === lane && submissions[Number(name)]!.key === key;
  const submitted = new Set<string>();
  for (const [index, { lane, key, droppable, endOne: ends }] of submissions.entries()) {
    submitted.add(String(index));
    submit(lanes[lane]!, String(index), { ...(key !== undefined && { key }), droppable });
    check();
    if (ends && running.size > 0) await endOne();
  }
  while (running.size > 0) await endOne();
  await queue.idle();
  expect([...started, ...dropped].toSorted(numerically)).toEqual(
    submissions.map((_, index) => String(index)),
  );
  expect(dropped.every((name) => submissions[Number(name)]!.droppable)).toBe(true);
  const groups = new Map<string, string[]>();
  for (const name of started) {
    const { lane, key } = submissions[Number(name)]!;
    if (key !== undefined) groups.set(`${lane} ${key}`, [...(groups.get(`${lane} ${key}`) ?? []), name]);
  }
  for (const group of groups.values()) expect(group).toEqual(group.toSorted(numerically));
}

function numerically(one: string, other: string): number {
  return Number(one) - Number(other);
}

/** A queue of named work, each of which runs until its end is asked for. */
function createQueue({ concurrency = Infinity, maxQueued = 100 } = {}) {
  const queue = new WorkQueue({ concurrency, maxQueued });
  const running = new Map<string, Gate>();
  const [started, dropped]: string[][] = [[], []];
  const submit = (lane: Lane, name: string, options: Partial<Pick<Work, 'key' | 'droppable'>> = {}) =>
    queue.submit(lane, {
      key: undefined,
      droppable: true,
      ...options,
      run: () => {
        const gate = closedGate();
        started!.push(name);
        running.set(name, gate);
        return gate.opened;
      },
      drop: () => dropped!.push(name),
    });
  const end = async (name: string) => {
    const gate = running.get(name);
    if (gate === undefined) throw new Error(`${name} does not run`);
    running.delete(name);
    gate.open();
    await gate.opened;
    await Promise.resolve(); // for the queue, which heard of it after us
  };
  return { queue, lane: new Lane(Infinity), submit, started: started!, dropped: dropped!, running, end };
}

function fail(): void {
  throw new Error('Dropped');
}
