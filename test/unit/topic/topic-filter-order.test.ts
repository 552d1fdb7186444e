import fc from 'fast-check';
import { TopicFilter } from '../../../src/topic/topic-filter.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { allTopics, topicFilters } from './arbitraries.js';
import { naiveMatch } from './naive-match.js';

const LITERALS = ['a', 'b', '', '$SYS'];
/** With a level that is in no filter, and one level more than a filter has. */
const TOPICS = allTopics([...LITERALS, 'x'], 5);

describe('covers', () => {
  it.each([
    ['a', 'a', true],
    ['a', 'b', false],
    ['a', 'A', false],
    ['a', 'a/', false],
    ['a/b', 'a', false],
    ['a', 'a/b', false],
    ['+', 'a', true],
    ['a', '+', false],
    ['+', '+', true],
    ['+', '#', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
    ['a/+', 'a/#', false],
    ['a/+', 'a/b/c', false],
    ['a/{x}', 'a/{y}', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'a/+/#', true],
    ['a/+/#', 'a/#', false],
    ['a/#', '#', false],
    ['#', 'a/b', true],
    ['#', '+/b', true],
    ['+/+', 'a/b', true],
    ['a/+', '+/b', false],
    ['+/b', 'a/+', false],
  ])('"%s" covers "%s": %s', (filter, other, covers) => {
    expect(TopicFilter.parse(filter).covers(TopicFilter.parse(other))).toBe(covers);
  });

  it.each([
    ['#', '$SYS', false],
    ['#', '$SYS/#', false],
    ['+', '$SYS', false],
    ['+/a', '$SYS/a', false],
    ['$SYS/#', '$SYS/a', true],
    ['$SYS/+', '$SYS/$a', true],
    ['a/#', 'a/$SYS', true],
  ])('"%s" covers "%s": %s [MQTT-4.7.2-1]', (filter, other, covers) => {
    expect(TopicFilter.parse(filter).covers(TopicFilter.parse(other))).toBe(covers);
  });

  // They match the same topics, and one of two such filters has to be left to subscribe to.
  it('"#" covers "+/#", but not the other way round', () => {
    const [all, equivalent] = [TopicFilter.parse('#'), TopicFilter.parse('+/#')];
    expect([all.covers(equivalent), equivalent.covers(all)]).toEqual([true, false]);
  });

  it('holds just where no topic matches the other filter alone', () => {
    const filters = topicFilters(LITERALS);
    const property = fc.property(filters, filters, (filter, other) => {
      fc.pre(!(filter === '+/#' && other === '#'));
      const alone = TOPICS.find((topic) => naiveMatch(other, topic) && !naiveMatch(filter, topic));
      expect(TopicFilter.parse(filter).covers(TopicFilter.parse(other))).toBe(alone === undefined);
    });
    fc.assert(property, fastCheckSettings);
  });
});

describe('specificity', () => {
  it.each([
    ['a', 'a/#'],
    ['a/b', 'a/+'],
    ['a/b', 'a/b/#'],
    ['a/+', 'a/#'],
    ['a/+', 'a/+/#'],
    ['a/+/#', 'a/#'],
    ['a/#', '+/b'],
    ['a/+/c', '+/b/c'],
    ['a/{x}', 'a/{y*}'],
    ['+/b', '+/+'],
    ['+', '#'],
    ['+/+', '#'],
  ])('of "%s" sorts before that of "%s"', (filter, other) => {
    expect(TopicFilter.parse(filter).specificity < TopicFilter.parse(other).specificity).toBe(true);
  });

  it('is the same with other names, and in a Shared Subscription', () => {
    const sources = ['a/+/#', 'a/{x}/#', 'a/{y}/{z*}', '$share/g/a/+/#'];
    expect(new Set(sources.map((source) => TopicFilter.parse(source).specificity)).size).toBe(1);
  });
});
