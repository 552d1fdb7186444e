/** A promise that is settled from outside, once. Nobody has to listen to its rejection. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  #resolve!: (value: T) => void;
  #reject!: (error: Error) => void;
  #pending = true;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => undefined);
  }

  get pending(): boolean {
    return this.#pending;
  }

  resolve(value: T): void {
    this.#pending = false;
    this.#resolve(value);
  }

  reject(error: Error): void {
    this.#pending = false;
    this.#reject(error);
  }
}
