import type { Behaviour, Publish } from './device.js';

const HELD_EVERY = 8;
const LATE_EVERY = 3;

/** The customs office: publishes the papers of containers, some of them late, and some only when it is asked to. */
export class Customs implements Behaviour {
  readonly periodMs = 250;
  readonly commands = {
    release: () => {
      const containers = this.#held.splice(0);
      this.#due.push(...containers.map((container) => ({ container, ticks: 0 })));
      return { released: containers };
    },
  };
  readonly #held: string[] = [];
  #due: { readonly container: string; readonly ticks: number }[] = [];
  #count = 0;

  /** The crane is about to lift it. */
  expect(container: string): void {
    this.#count += 1;
    if (this.#count % HELD_EVERY === 2) this.#held.push(container);
    else this.#due.push({ container, ticks: this.#count % LATE_EVERY === 0 ? 16 : 0 });
  }

  tick(publish: Publish): void {
    this.#due = this.#due
      .map(({ container, ticks }) => ({ container, ticks: ticks - 1 }))
      .filter(({ container, ticks }) => ticks >= 0 || !publish('papers', JSON.stringify({ container }), 1));
  }
}
