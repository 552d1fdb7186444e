import { DEEDS, type Deed } from './protocol.js';

/** Counts what has been done. */
export class Tally {
  readonly #counts = new Map<Deed, number>(DEEDS.map((deed) => [deed, 0]));

  add(deed: Deed): void {
    this.#counts.set(deed, this.#counts.get(deed)! + 1);
  }

  of(deed: Deed): number {
    return this.#counts.get(deed)!;
  }

  toJSON(): Record<Deed, number> {
    return Object.fromEntries(this.#counts) as Record<Deed, number>;
  }
}
