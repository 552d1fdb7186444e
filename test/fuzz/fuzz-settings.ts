import { fastCheckSettings } from '../unit/fast-check-settings.js';

const { seed, numRuns } = fastCheckSettings;

/** `npm run fuzz` multiplies the runs of each property. */
const scale = numRuns / 1_000;

/** For `fc.assert` and `fc.sample`: so many values in `npm test`, always the same; in `npm run fuzz` many more, and others. */
export function fuzzSettings(runs: number): { readonly seed: number; readonly numRuns: number } {
  return { seed, numRuns: Math.ceil(runs * scale) };
}

/** How long a test may take that takes `ms` in `npm test`. */
export function fuzzTimeoutMs(ms: number): number {
  return ms * Math.max(1, scale);
}

/** Whether it is `npm run fuzz`. */
export const isLongRun = scale > 1;
