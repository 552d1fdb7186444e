import { median } from './median.js';

/** What took how long, in the rounds in which the subjects took turns. */
export class Comparison<Subject> {
  readonly #subjects: readonly Subject[];
  readonly #times: readonly (readonly number[])[];

  /** @param times of each subject, one for each round */
  constructor(subjects: readonly Subject[], times: readonly (readonly number[])[]) {
    this.#subjects = subjects;
    this.#times = times;
  }

  median(subject: Subject): number {
    return median(this.#timesOf(subject));
  }

  /** The median of the rounds' ratios, which whatever else the machine does falls on less than on the times. */
  ratio(subject: Subject, base: Subject): number {
    return median(this.#ratios(subject, base));
  }

  range(subject: Subject, base: Subject): string {
    const ratios = this.#ratios(subject, base);
    return `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  }

  #ratios(subject: Subject, base: Subject): number[] {
    const bases = this.#timesOf(base);
    return this.#timesOf(subject).map((time, round) => time / bases[round]!);
  }

  #timesOf(subject: Subject): readonly number[] {
    return this.#times[this.#subjects.indexOf(subject)]!;
  }
}
