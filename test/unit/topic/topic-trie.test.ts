import fc from 'fast-check';
import { TopicTrie } from '../../../src/topic/topic-trie.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { allTopics, LEVELS, topicFilters, topicNames } from './arbitraries.js';
import { naiveMatch } from './naive-match.js';

describe.each([
  ['the trie', (filter: string, topic: string) => trieOf([filter]).match(topic).length === 1],
  ['the naive matcher of these tests', naiveMatch],
])('%s', (_, matches) => {
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true, 'section 4.7.1.2'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true, 'section 4.7.1.2'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true, 'section 4.7.1.2'],
    ['sport/tennis/player1/#', 'sport/tennis/player2', false, 'section 4.7.1.2'],
    ['sport/#', 'sport', true, 'section 4.7.1.2'],
    ['sport/#', 'sport/', true, 'section 4.7.1.2'],
    ['sport/#', 'sports', false, 'section 4.7.1.2'],
    ['sport/tennis/#', 'sport', false, 'section 4.7.1.2'],
    ['#', 'sport', true, 'section 4.7.1.2'],
    ['#', '/', true, 'section 4.7.1.2'],
    ['sport/tennis/+', 'sport/tennis/player1', true, 'section 4.7.1.3'],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false, 'section 4.7.1.3'],
    ['sport/+', 'sport', false, 'section 4.7.1.3'],
    ['sport/+', 'sport/', true, 'section 4.7.1.3'],
    ['+', 'sport', true, 'section 4.7.1.3'],
    ['+', '/finance', false, 'section 4.7.1.3'],
    ['+/+', '/finance', true, 'section 4.7.1.3'],
    ['/+', '/finance', true, 'section 4.7.1.3'],
    ['+/tennis/#', 'sport/tennis', true, 'section 4.7.1.3'],
    ['+/tennis/#', 'sport/tennis/a/b', true, 'section 4.7.1.3'],
    ['sport/+/player1', 'sport/tennis/player1', true, 'section 4.7.1.3'],
    ['sport/+/player1', 'sport//player1', true, 'section 4.7.1.3'],
    ['sport/+/player1', 'sport/player1', false, 'section 4.7.1.3'],
    ['#', '$SYS/monitor', false, 'MQTT-4.7.2-1'],
    ['#', '$', false, 'MQTT-4.7.2-1'],
    ['+', '$SYS', false, 'MQTT-4.7.2-1'],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false, 'MQTT-4.7.2-1'],
    ['+/#', '$SYS/monitor', false, 'MQTT-4.7.2-1'],
    ['$SYS/#', '$SYS/monitor', true, 'section 4.7.2'],
    ['$SYS/#', '$SYS', true, 'section 4.7.2'],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true, 'section 4.7.2'],
    ['a/+', 'a/$SYS', true, 'section 4.7.2'],
    ['a/#', 'a/$SYS/b', true, 'section 4.7.2'],
    ['#', 'a/$SYS', true, 'section 4.7.2'],
    ['ACCOUNTS', 'Accounts', false, 'section 4.7.3'],
    ['Accounts payable', 'Accounts payable', true, 'section 4.7.3'],
    ['/finance', 'finance', false, 'section 4.7.3'],
    ['/', '/', true, 'section 4.7.3'],
    ['a//b', 'a/b', false, 'section 4.7.3'],
    ['a//b', 'a//b', true, 'section 4.7.3'],
    ['a/b', 'a/b/', false, 'section 4.7.3'],
    ['a', ' a', false, 'section 4.7.3'],
    ['Z\u00E4hler', 'Za\u0308hler', false, 'MQTT-4.7.3-4'],
    ['\uFEFFa', 'a', false, 'MQTT-1.5.4-3'],
  ])('"%s" matches "%s": %s [%s]', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });
});

describe('match', () => {
  it('finds every filter that matches, and each value of a filter', () => {
    const filters = ['a/b', 'a/+', 'a/#', '+/b', '+/+', '#', '+/#', 'a/b/#', 'a/b', 'a', 'b/#', '+', 'a/b/+'];
    const found = trieOf(filters).match('a/b');
    expect(sorted(found)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('keeps the order in which the values of one filter came', () => {
    expect(trieOf(['a/+', 'a/+', 'a/+']).match('a/b')).toEqual([0, 1, 2]);
    expect(trieOf(['a/#', 'a/#', 'a/#']).match('a/b')).toEqual([0, 1, 2]);
  });

  it('finds nothing in an empty trie', () => {
    expect(new TopicTrie<number>().match('a/b')).toEqual([]);
  });

  it('does not let its caller change it', () => {
    const trie = trieOf(['a']);
    trie.match('a').push(7);
    expect(trie.match('a')).toEqual([0]);
  });

  it('agrees with the naive matcher', () => {
    const filterSets = fc.array(topicFilters(), { maxLength: 20 });
    const property = fc.property(filterSets, topicNames(), (filters, topic) => {
      const expected = [...filters.keys()].filter((index) => naiveMatch(filters[index]!, topic));
      expect(sorted(trieOf(filters).match(topic))).toEqual(expected);
    });
    fc.assert(property, fastCheckSettings);
  });

  it('takes a topic of 65,536 empty levels', () => {
    const filters = ['#', '/#', '+/+/#', '//', '+', '$SYS/#'];
    expect(sorted(trieOf(filters).match('/'.repeat(65_535)))).toEqual([0, 1, 2]);
  });
});

describe('overlapping', () => {
  it.each([
    ['a/+/c', 'a/b/+', true],
    ['a/b', 'a/b', true],
    ['a/b', 'a/+', true],
    ['a/b', '+/+', true],
    ['a/b', 'a/c', false],
    ['a/+', 'a', false],
    ['a/+', '+', false],
    ['a/#', 'a', true],
    ['a/#', '+/b/c', true],
    ['a/b/#', 'a/+', true],
    ['a/b/#', '+/#', true],
    ['a/b/#', 'b/#', false],
    ['#', '+/b', true],
    ['#', '$SYS/a', false],
    ['+', '$SYS', false],
    ['+/a', '$SYS/+', false],
    ['+/#', '$SYS/#', false],
    ['$SYS/#', '$SYS/+/a', true],
    ['a/+', 'a/$SYS', true],
    ['/+', '+/a', true],
  ])('"%s" overlaps with "%s": %s', (filter, other, expected) => {
    expect([...trieOf([other]).overlapping(filter.split('/'))]).toEqual(expected ? [0] : []);
    expect([...trieOf([filter]).overlapping(other.split('/'))]).toEqual(expected ? [0] : []);
  });

  it('names just the filters that some topic matches as well', () => {
    const topics = allTopics(LEVELS, 4);
    const filterSets = fc.array(topicFilters(), { maxLength: 8 });
    const property = fc.property(filterSets, topicFilters(), (filters, filter) => {
      const common = topics.filter((topic) => naiveMatch(filter, topic));
      const expected = [...filters.keys()].filter((index) =>
        common.some((topic) => naiveMatch(filters[index]!, topic)),
      );
      expect(sorted([...trieOf(filters).overlapping(filter.split('/'))])).toEqual(expected);
    });
    fc.assert(property, { ...fastCheckSettings, numRuns: Math.ceil(fastCheckSettings.numRuns / 5) });
  });
});

/** The value of each filter is its index. */
function trieOf(filters: readonly string[]): TopicTrie<number> {
  const trie = new TopicTrie<number>();
  for (const [index, filter] of filters.entries()) trie.add(filter.split('/'), index);
  return trie;
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}
