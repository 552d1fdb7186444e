import fc from 'fast-check';
import { covers } from '../../../src/testing/covers.js';
import { TopicFilter } from '../../../src/topic/topic-filter.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { topicFilters } from '../topic/arbitraries.js';

describe('covers', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/#', 'a', true],
    ['a/#', 'a/+/c', true],
    ['a/b', 'a/+', false],
    ['a/+', 'a/#', false],
    ['#', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['sites/{site}/reading', 'sites/oslo/reading', true],
    ['sites/{path*}', 'sites/oslo/reading', true],
    ['a/+', 'a/{b}', true],
    ['a/{b}', '$share/g/a/b', true],
    ['$share/g/a/+', 'a/b', true],
  ])('says of "%s" and "%s": %s', (filter, other, expected) => {
    expect(covers(filter, other)).toBe(expected);
  });

  it('agrees with the Topic Filters of the server', () => {
    const property = fc.property(topicFilters(), topicFilters(), (filter, other) => {
      expect(covers(filter, other)).toBe(TopicFilter.parse(filter).covers(TopicFilter.parse(other)));
    });
    fc.assert(property, fastCheckSettings);
  });
});
