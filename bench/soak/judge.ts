import { DEEDS, type TimedSample } from './protocol.js';
import { fitTrend, type Trend } from './trend.js';

export interface Verdict {
  readonly isFlat: boolean;
  /** Of the heap in the second half: x in minutes, y in bytes. */
  readonly trend: Trend;
  /** What to tell of it. */
  readonly lines: readonly string[];
}

/** By how much of itself the heap may grow in the second half. */
const GROWTH_AT_MOST = 0.02;
const COUNTS = ['listeners', 'timers', 'sockets'] as const;

/** Compares the second half with the first, in which the process still warms up. */
export function judge(samples: readonly TimedSample[]): Verdict {
  const half = Math.floor(samples.length / 2);
  const [first, second] = [samples.slice(0, half), samples.slice(half)];
  const trend = fitTrend(second.map(({ minutes, heapUsed }) => [minutes, heapUsed]));
  const findings = [judgeHeap(trend, second), ...judgeCounts(first, second), ...judgeLoad(second)];
  return {
    isFlat: findings.every(({ passed }) => passed),
    trend,
    lines: findings.map(({ passed, text }) => `${passed ? 'ok    ' : 'FAILED'} ${text}`),
  };
}

interface Finding {
  readonly passed: boolean;
  readonly text: string;
}

function judgeHeap({ slope, intercept }: Trend, samples: readonly TimedSample[]): Finding {
  const [begin, end] = [samples[0]!.minutes, samples.at(-1)!.minutes];
  const growth = (slope * (end - begin)) / (intercept + slope * begin);
  const text = `the heap grows by ${(growth * 100).toFixed(2)} % in the second half`;
  return { passed: growth <= GROWTH_AT_MOST, text: `${text}; at most ${GROWTH_AT_MOST * 100} % may be` };
}

function judgeCounts(first: readonly TimedSample[], second: readonly TimedSample[]): Finding[] {
  return COUNTS.map((name) => {
    const most = (samples: readonly TimedSample[]) => Math.max(...samples.map((sample) => sample[name]));
    const [before, after] = [most(first), most(second)];
    return {
      passed: after <= before,
      text: `${name}: at most ${before} in the first half, ${after} in the second`,
    };
  });
}

/** A process at rest is flat, too. */
function judgeLoad(samples: readonly TimedSample[]): Finding[] {
  return DEEDS.map((deed) => {
    const count = samples.at(-1)!.done[deed] - samples[0]!.done[deed];
    return { passed: count > 0, text: `${deed} in the second half: ${count}` };
  });
}
