import fc from 'fast-check';
import { createIdentifiers } from '../../../../src/connection/subscriptions/subscription-identifiers.js';
import { fastCheckSettings } from '../../fast-check-settings.js';

const MAX_IDENTIFIER = 268_435_455; // section 3.8.2.1.2

describe('createIdentifiers', () => {
  // A kept session holds them beyond the life of a process: another hash needs another major version.
  it.each([
    ['a', 67_905_851],
    ['foobar', 261_945_716],
    ['#', 101_486_869],
    ['sites/+/meters/+/reading', 155_557_311],
    ['$share/group/jobs/+', 34_210_209],
    ['Zähler/😀', 37_255_375],
  ])('gives "%s" the identifier %d, from release to release', (subscription, identifier) => {
    expect(createIdentifiers([subscription]).get(subscription)).toBe(identifier);
  });

  it('gives each subscription one of its own from 1 to 268,435,455', () => {
    const subscriptions = fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1 }), { maxLength: 50 });
    const property = fc.property(subscriptions, (filters) => {
      const identifiers = createIdentifiers(filters);
      expect([...identifiers.keys()].toSorted()).toEqual(filters.toSorted());
      expect(new Set(identifiers.values()).size).toBe(filters.length);
      for (const identifier of identifiers.values()) expect(isIdentifier(identifier)).toBe(true);
    });
    fc.assert(property, fastCheckSettings);
  });

  it('gives the same whatever the order, and whatever other subscriptions there are', () => {
    const subscriptions = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 50 });
    const property = fc.property(subscriptions, fc.nat(), (filters, seed) => {
      const all = createIdentifiers(filters);
      const alone = createIdentifiers([filters[seed % filters.length]!]);
      expect(all).toEqual(createIdentifiers(filters.toReversed()));
      for (const [filter, identifier] of alone) expect(all.get(filter)).toBe(identifier);
    });
    fc.assert(property, fastCheckSettings);
  });

  it('tells filters with the same hash apart, in any order', () => {
    const filters = twoWithTheSameIdentifier();
    const identifiers = createIdentifiers(filters);
    const [one, other] = filters.map((filter) => identifiers.get(filter)!).toSorted((a, b) => a - b);
    expect(other).toBe(one! + 1);
    expect(createIdentifiers(filters.toReversed())).toEqual(identifiers);
  });

  it('gives each of 100,000 filters one of its own', () => {
    const filters = Array.from({ length: 100_000 }, (_, index) => `sites/s${index}/meters/+/reading`);
    const identifiers = new Set(createIdentifiers(filters).values());
    expect(identifiers.size).toBe(100_000);
    expect([...identifiers].every(isIdentifier)).toBe(true);
  });
});

function isIdentifier(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_IDENTIFIER;
}

/** About 20,000 filters have to be tried. */
function twoWithTheSameIdentifier(): [string, string] {
  const filters = new Map<number, string>();
  for (let index = 0; ; index++) {
    const filter = `a/${index}`;
    const identifier = createIdentifiers([filter]).get(filter)!;
    const other = filters.get(identifier);
    if (other !== undefined) return [other, filter];
    filters.set(identifier, filter);
  }
}
