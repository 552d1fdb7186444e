import { PacketIdentifiers } from '../../../../src/connection/outgoing/packet-identifiers.js';

const ALL = 65_535;

describe('PacketIdentifiers', () => {
  it('go through all of them, from one by chance, and begin again', () => {
    const identifiers = new PacketIdentifiers();
    const given = Array.from({ length: ALL + 1 }, () => take(identifiers));
    const again = take(identifiers);
    expect(new Set(given).size).toBe(ALL);
    expect([Math.min(...given), Math.max(...given)]).toEqual([1, ALL]);
    expect([given.at(-1), again]).toEqual([given[0], given[1]]);
    expect(identifiers.getLastAllocated()).toBe(again);
  });

  it('pass those in use [MQTT-2.2.1-3]', () => {
    const identifiers = new PacketIdentifiers();
    const first = take(identifiers);
    const second = (first % ALL) + 1;
    expect(identifiers.register(second)).toBe(true);
    expect(identifiers.register(second)).toBe(false);
    expect(identifiers.allocate()).toBe((second % ALL) + 1);
  });

  it('end when all are in use, until one is free', () => {
    const identifiers = new PacketIdentifiers();
    for (let count = 0; count < ALL; count++) identifiers.allocate();
    expect(identifiers.allocate()).toBeNull();
    identifiers.deallocate(7);
    expect(identifiers.allocate()).toBe(7);
    identifiers.clear();
    expect(identifiers.allocate()).toBe(8);
  });
});

function take(identifiers: PacketIdentifiers): number {
  const identifier = identifiers.allocate()!;
  identifiers.deallocate(identifier);
  return identifier;
}
