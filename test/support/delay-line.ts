/** Does things later than it is told to, in the same order, even if the delay changes meanwhile. */
export class DelayLine {
  /** In milliseconds, for what comes from now on. */
  delayMs = 0;
  readonly #waiting: { readonly dueMs: number; readonly act: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** At once if there is no delay, and nothing to wait for. */
  run(act: () => void): void {
    if (this.delayMs === 0 && this.#waiting.length === 0) {
      act();
      return;
    }
    const dueMs = Math.max(performance.now() + this.delayMs, this.#waiting.at(-1)?.dueMs ?? 0);
    this.#waiting.push({ dueMs, act });
    if (this.#waiting.length === 1) this.#wait();
  }

  /** Forgets what has not been done. */
  clear(): void {
    this.#waiting.length = 0;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const [first] = this.#waiting;
    if (first !== undefined) this.#timer = setTimeout(() => this.#runDue(), first.dueMs - performance.now());
  }

  #runDue(): void {
    const now = performance.now();
    const due = this.#waiting.filter(({ dueMs }) => dueMs <= now);
    for (const { act } of due) act();
    this.#waiting.splice(0, due.length);
    this.#wait();
  }
}
