import type { OfflineOptions } from '../../../../src/connection/outgoing/outgoing-options.js';
import { WaitingLine, type Waiting } from '../../../../src/connection/outgoing/waiting-line.js';

interface Named extends Waiting {
  readonly name: string;
}

describe('WaitingLine', () => {
  it('gives out what entered first', () => {
    const line = lineOf({}, 'a1', 'b0', 'c1', 'd0');
    expect(line.size).toBe(4);
    expect(namesOf(line)).toEqual(['a1', 'b0', 'c1', 'd0']);
    expect(line.size).toBe(0);
  });

  it('lets QoS 0 pass what waits for acknowledgements, in order', () => {
    const line = lineOf({}, 'a1', 'b0', 'c1', 'd0');
    expect([line.take(false)?.name, line.take(false)?.name, line.take(false)]).toEqual([
      'b0',
      'd0',
      undefined,
    ]);
    expect(namesOf(line)).toEqual(['a1', 'c1']);
  });

  it('goes on after it was empty', () => {
    const line = lineOf({}, 'a1');
    expect(namesOf(line)).toEqual(['a1']);
    line.enter(entryOf('b1'));
    expect(namesOf(line)).toEqual(['b1']);
  });

  it.each([
    ['a new one, beyond the messages', { maxMessages: 2 }, ['a1', 'b0', 'c1'], ['c1'], ['a1', 'b0']],
    ['a new one, beyond the bytes', { maxBytes: 25 }, ['a1', 'b0', 'c1'], ['c1'], ['a1', 'b0']],
    ['any, where none may wait', { maxMessages: 0 }, ['a1'], ['a1'], []],
    ['any, where no byte may wait', { maxBytes: 0 }, ['a1'], ['a1'], []],
    [
      'the oldest, beyond the messages',
      { maxMessages: 2, overflow: 'drop-oldest' },
      ['a0', 'b1', 'c1', 'd0'],
      ['a0', 'b1'],
      ['c1', 'd0'],
    ],
    [
      'as many as it takes',
      { maxBytes: 25, overflow: 'drop-oldest' },
      ['a1', 'b0', 'L1'],
      ['a1'],
      ['b0', 'L1'],
    ],
    ['what has no place at all', { maxBytes: 14, overflow: 'drop-oldest' }, ['a1', 'L1'], ['L1'], ['a1']],
  ] as [string, OfflineOptions, string[], string[], string[]][])(
    'gives back %s',
    (_, options, names, refused, left) => {
      const line = new WaitingLine<Named>(options);
      expect(names.flatMap((name) => line.enter(entryOf(name)).map((entry) => entry.name))).toEqual(refused);
      expect(namesOf(line)).toEqual(left);
    },
  );

  it('has room again when something has left', () => {
    const line = lineOf({ maxMessages: 1, maxBytes: 10 }, 'a1');
    line.take(true);
    expect(line.enter(entryOf('b1'))).toEqual([]);
  });

  it('has room for 10 000 messages and 16 MB by default', () => {
    const line = new WaitingLine<Named>();
    for (let n = 0; n < 10_000; n++) expect(line.enter(entryOf('a1'))).toEqual([]);
    expect(line.enter(entryOf('a1'))).toHaveLength(1);
    const other = new WaitingLine<Named>();
    expect(other.enter({ ...entryOf('a1'), bytes: 2 ** 24 })).toEqual([]);
    expect(other.enter({ ...entryOf('b1'), bytes: 1 })).toHaveLength(1);
  });

  it('takes in beyond its limits what it had before', () => {
    const line = lineOf({ maxMessages: 1 }, 'a1');
    line.restore(entryOf('b1'));
    expect(line.enter(entryOf('c1'))).toHaveLength(1);
    expect(namesOf(line)).toEqual(['a1', 'b1']);
  });

  it('is empty when it was cleared', () => {
    const line = lineOf({ maxMessages: 2 }, 'a0', 'b1');
    expect(line.clear().map(({ name }) => name)).toEqual(['a0', 'b1']);
    expect(line.size).toBe(0);
    expect(line.enter(entryOf('c1'))).toEqual([]);
  });
});

/** The digit is the QoS; one whose name begins with a capital letter has 15 bytes, others 10. */
function entryOf(name: string): Named {
  return { name, confirmed: name.endsWith('1'), bytes: /^[A-Z]/.test(name) ? 15 : 10 };
}

function lineOf(options: OfflineOptions, ...names: string[]): WaitingLine<Named> {
  const line = new WaitingLine<Named>(options);
  for (const name of names) line.enter(entryOf(name));
  return line;
}

function namesOf(line: WaitingLine<Named>): string[] {
  return Array.from({ length: line.size }, () => line.take(true)!.name);
}
