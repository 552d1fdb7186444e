import type { Chart } from './chart.js';

/** One of the programs behind `npm run bench`. */
export interface Benchmark {
  readonly title: string;
  /** How it measures, in Markdown. */
  readonly method: string;
  /** Gives each table as soon as it is measured. */
  readonly run: (settings: BenchmarkSettings) => Iterable<Section> | AsyncIterable<Section>;
}

export interface BenchmarkSettings {
  /** Shows that everything works, in little time: the figures mean nothing. */
  readonly quick: boolean;
  /** What follows the name on the command line. */
  readonly choice?: string | undefined;
}

/** A table, and what it means. */
export interface Section {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly verdicts?: readonly Verdict[];
  readonly notes?: readonly string[];
  readonly chart?: Chart | undefined;
}

/** Whether something is as it has to be. */
export interface Verdict {
  readonly target: string;
  readonly found: string;
  readonly met: boolean;
}
