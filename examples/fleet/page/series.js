/** What a chart shows at the most. */
export const WINDOW_SECONDS = 120;

/** The values of the last two minutes, of one quantity or of several that are measured together. */
export class Series {
  /** Seconds. @type {number[]} */
  times = [];
  /** @type {number[][]} */
  lines;

  /** @param {number} count of quantities */
  constructor(count = 1) {
    this.lines = Array.from({ length: count }, () => []);
  }

  /** Of the first quantity. */
  get latest() {
    return this.lines[0]?.at(-1);
  }

  /**
   * @param {number} seconds
   * @param {...number} values
   */
  add(seconds, ...values) {
    this.times.push(seconds);
    this.lines.forEach((line, index) => line.push(values[index] ?? NaN));
    while ((this.times[0] ?? seconds) < seconds - WINDOW_SECONDS) {
      this.times.shift();
      for (const line of this.lines) line.shift();
    }
  }
}
