/**
 * For `fc.assert`: the same values in each run, unless `FC_SEED` gives another seed; `FC_RUNS` is the number of values
 * per property. A failure prints its seed and path.
 */
export const fastCheckSettings = {
  seed: Number(process.env.FC_SEED ?? 20_241_107),
  numRuns: Number(process.env.FC_RUNS ?? 1_000),
};
