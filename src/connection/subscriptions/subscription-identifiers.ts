const MAX_IDENTIFIER = 268_435_455; // section 3.8.2.1.2

/**
 * A Subscription Identifier for each subscription. It is a hash of the filter: what a kept session still holds for the
 * last version of the code must not run another handler in this one, whatever handlers came or went.
 */
export function createIdentifiers(subscriptions: readonly string[]): ReadonlyMap<string, number> {
  const identifiers = new Map<string, number>();
  const taken = new Set<number>();
  for (const subscription of subscriptions.toSorted()) {
    let identifier = hash(subscription);
    while (taken.has(identifier)) identifier = (identifier % MAX_IDENTIFIER) + 1;
    taken.add(identifier);
    identifiers.set(subscription, identifier);
  }
  return identifiers;
}

/** FNV-1a over UTF-16 code units, folded to 1 … 268 435 455. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return ((value >>> 0) % MAX_IDENTIFIER) + 1;
}
