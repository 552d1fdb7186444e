/** A value that wanders about its mean: what a sensor measures. */
export class Noise {
  readonly #mean: number;
  readonly #spread: number;
  #offset = 0;

  constructor(mean: number, spread: number) {
    this.#mean = mean;
    this.#spread = spread;
  }

  next(): number {
    this.#offset = this.#offset * 0.95 + (Math.random() - 0.5) * this.#spread;
    return this.#mean + this.#offset;
  }
}
