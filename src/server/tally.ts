const REPORTED_EVERY_MS = 1000;

/** Counts what happens too often for a line each, and reports it once a second. */
export class Tally {
  readonly #report: (count: number) => void;
  #total = 0;
  #unreported = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param report writes the line for those since the last one */
  constructor(report: (count: number) => void) {
    this.#report = report;
  }

  get total(): number {
    return this.#total;
  }

  add(): void {
    this.#total++;
    this.#unreported++;
    this.#timer ??= setTimeout(() => this.flush(), REPORTED_EVERY_MS).unref();
  }

  /** Reports now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unreported > 0) this.#report(this.#unreported);
    this.#unreported = 0;
  }
}
