import type { SubscriptionRequest } from './subscribe.js';

/** The Topic Filters that the broker has granted in a session. */
export class GrantedFilters {
  readonly #granted = new Map<string, SubscriptionRequest>();
  /** Whose UNSUBSCRIBE was not confirmed: a session that is kept may have them, or not. */
  readonly #uncertain = new Set<string>();

  get filters(): readonly string[] {
    return [...this.#granted.keys()];
  }

  get size(): number {
    return this.#granted.size;
  }

  has(filter: string): boolean {
    return this.#granted.has(filter);
  }

  /** Whether what was granted is what is asked for now, or more: another SUBSCRIBE brings the retained messages again. */
  satisfies(request: SubscriptionRequest): boolean {
    const granted = this.#granted.get(request.filter);
    if (granted === undefined || granted.qos < request.qos) return false;
    return JSON.stringify({ ...granted, qos: 0 }) === JSON.stringify({ ...request, qos: 0 });
  }

  add(request: SubscriptionRequest): void {
    this.#granted.set(request.filter, request);
    this.#uncertain.delete(request.filter);
  }

  /** Takes out those that nobody wants, to be unsubscribed from: nothing counts on them from now on. */
  takeObsolete(wanted: readonly SubscriptionRequest[]): readonly string[] {
    const filters = new Set(wanted.map(({ filter }) => filter));
    const obsolete = [...this.#granted.keys(), ...this.#uncertain].filter((filter) => !filters.has(filter));
    for (const filter of obsolete) {
      this.#granted.delete(filter);
      this.#uncertain.delete(filter);
    }
    return obsolete;
  }

  /** The broker has not confirmed that they are gone: they are unsubscribed from once more. */
  putBack(filters: readonly string[]): void {
    for (const filter of filters) if (!this.#granted.has(filter)) this.#uncertain.add(filter);
  }
}
