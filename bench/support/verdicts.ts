import type { Verdict } from './benchmark.js';

/** Whether a value is low enough, for people to read. */
export function atMost(limit: number, found: number, what: string, unit = ''): Verdict {
  return {
    target: `${what}: at most ${format(limit)}${unit}`,
    found: `${format(found)}${unit}`,
    met: found <= limit,
  };
}

/** Whether a value is high enough. */
export function atLeast(limit: number, found: number, what: string, unit = ''): Verdict {
  return {
    target: `${what}: at least ${format(limit)}${unit}`,
    found: `${format(found)}${unit}`,
    met: found >= limit,
  };
}

function format(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 });
}
