import fc from 'fast-check';

/** Literal levels in which a plain object, a careless split or a wrong rule on "$" would trip. */
export const LEVELS = ['a', 'b', '', '$SYS', '__proto__', 'constructor'] as const;

/** Topic Names of up to four levels. */
export function topicNames(levels: readonly string[] = LEVELS): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...levels), { minLength: 1, maxLength: 4 })
    .map((topic) => topic.join('/'))
    .filter((topic) => topic !== '');
}

/** Topic Filters of up to four levels, about every third level of them a wildcard. */
export function topicFilters(levels: readonly string[] = LEVELS): fc.Arbitrary<string> {
  const level = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...levels) },
    { weight: 1, arbitrary: fc.constant('+') },
  );
  return fc
    .tuple(fc.array(level, { maxLength: 3 }), fc.oneof(level, fc.constant('#')))
    .map(([parents, last]) => [...parents, last].join('/'))
    .filter((filter) => filter !== '');
}

/**
 * Every topic of one to `depth` levels. The empty one, which no message has, is among them: `covers` and `overlapping`
 * take it for the parent level of `/#`.
 */
export function allTopics(levels: readonly string[], depth: number): string[] {
  let topics: string[][] = [[]];
  const all: string[] = [];
  for (let length = 1; length <= depth; length++) {
    topics = topics.flatMap((topic) => levels.map((level) => [...topic, level]));
    all.push(...topics.map((topic) => topic.join('/')));
  }
  return all;
}
