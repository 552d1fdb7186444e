import fc from 'fast-check';
import { ConfigurationError } from '../../src/errors.js';
import { Router } from '../../src/server/router.js';
import { TopicFilter, type TopicParams } from '../../src/topic/topic-filter.js';
import { topicNameProblem } from '../../src/topic/topic-name.js';
import { TopicTrie } from '../../src/topic/topic-trie.js';
import { createMessageRoute } from '../unit/server/create-route.js';
import { topicFilters, topicNames } from '../unit/topic/arbitraries.js';
import { naiveMatch } from '../unit/topic/naive-match.js';
import { anyText } from './arbitraries.js';
import { fuzzSettings } from './fuzz-settings.js';

/** Pieces of filters, so that about every second one is valid. */
const PIECES = ['a', 'b', '', '+', '#', '{x}', '{y}', '{z*}', '{__proto__}', '$share', '$SYS', 'group', ' '];
const WRONG_PIECES = ['a+', '{', '}', '{1}', '{x', '\0', '{"a":"b"}', '\ud800', 'ä', '\u0001'];
const pieces = fc.constantFrom(...PIECES, ...WRONG_PIECES);
const filters = fc.oneof(
  fc.array(pieces, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/')),
  anyText,
);

describe('a Topic Filter', () => {
  it('is read just if the rules take it, as what they make of it', () => {
    const property = fc.property(filters, (source) => {
      const expected = naiveSubscription(source);
      if (expected === undefined) expect(() => TopicFilter.parse(source)).toThrow(ConfigurationError);
      else expect(TopicFilter.parse(source).subscription).toBe(expected);
    });
    fc.assert(property, fuzzSettings(2000));
  });

  it('that is shared once more has the other group, the same levels and the same names', () => {
    const property = fc.property(filters, anyText, (source, group) => {
      fc.pre(naiveSubscription(source) !== undefined);
      fc.pre(naiveSubscription(`$share/${group}/a`) !== undefined && !group.includes('/'));
      const filter = TopicFilter.parse(source);
      const shared = filter.share(group);
      expect([shared.shareName, shared.levels, shared.names]).toEqual([group, filter.levels, filter.names]);
    });
    fc.assert(property, fuzzSettings(500));
  });
});

describe('a template', () => {
  const levels = fc.constantFrom('a', 'b', '', '$SYS', '+', '{x}', '{y}', '{__proto__}');
  const templates = fc
    .tuple(fc.uniqueArray(levels, { minLength: 1, maxLength: 4 }), fc.constantFrom(undefined, '#', '{rest*}'))
    .map(([parents, last]) => [...parents, ...(last === undefined ? [] : [last])].join('/'))
    .filter((template) => template !== '');

  it('matches and captures as a regular expression does', () => {
    const property = fc.property(templates, topicNames(), (template, topic) => {
      const expected = naiveCapture(template, topic);
      const filter = TopicFilter.parse(template);
      const trie = new TopicTrie<true>();
      trie.add(filter.levels, true);
      expect(trie.match(topic).length === 1).toBe(expected !== undefined);
      if (expected !== undefined) expect(Object.entries(filter.capture(topic))).toEqual(expected);
    });
    fc.assert(property, fuzzSettings(2000));
  });

  it('gives its topic back when the captured levels are put in their places', () => {
    const named = fc.constantFrom('a', '', '{x}', '{y}', '{__proto__}');
    const sources = fc
      .tuple(fc.uniqueArray(named, { minLength: 1 }), fc.boolean())
      .map(([parents, rest]) => [...parents, ...(rest ? ['{rest*}'] : [])].join('/'))
      .filter((template) => template !== '');
    const property = fc.property(sources, topicNames(), (template, topic) => {
      fc.pre(naiveCapture(template, topic) !== undefined);
      expect(fillIn(template, TopicFilter.parse(template).capture(topic))).toBe(topic);
    });
    fc.assert(property, { ...fuzzSettings(300), maxSkipsPerRun: 1000 });
  });
});

describe('a Topic Name', () => {
  it('is valid just if the rules take it', () => {
    const names = fc.oneof(
      anyText,
      fc.array(pieces).map((levels) => levels.join('/')),
    );
    const property = fc.property(names, (topic) => {
      // oxlint-disable-next-line no-control-regex
      const isValid = /^[^\u0000-\u001f\u007f-\u009f+#]+$/.test(topic) && isUnicode(topic);
      expect(topicNameProblem(topic) === undefined).toBe(isValid);
    });
    fc.assert(property, fuzzSettings(1000));
  });
});

describe('a request', () => {
  it('is answered by the first of the handlers that a level by level comparison puts first', () => {
    const property = fc.property(
      fc.array(topicFilters(), { maxLength: 8 }),
      topicNames(),
      (patterns, topic) => {
        const routes = patterns.map((pattern) => createMessageRoute(pattern));
        const matching = patterns.filter((pattern) => naiveMatch(pattern, topic));
        const [best] = matching.toSorted(naiveOrder);
        const { responder } = new Router(routes).route(topic, routes);
        expect(responder).toBe(best === undefined ? undefined : routes[patterns.indexOf(best)]);
      },
    );
    fc.assert(property, fuzzSettings(1000));
  });
});

/** What a SUBSCRIBE asks for, by the rules of the standard and of templates; `undefined` if they refuse it. */
function naiveSubscription(source: string): string | undefined {
  if (source.includes('\0') || !isUnicode(source) || Buffer.byteLength(source) > 65_535) return undefined;
  const [, share = '', filter] = /^(\$share(?:\/[^/+#]+\/|(?=\/|$)))?(.*)$/s.exec(source)!;
  if (share === '$share' || filter === '' || filter === undefined) return undefined;
  const isTemplate = !filter.startsWith('{"');
  const levels = filter.split('/');
  const wanted = levels.map((level, index) => naiveLevel(level, index === levels.length - 1, isTemplate));
  const names = isTemplate ? (filter.match(/(?<=^|\/)\{[^{}*/]+(?=\*?\}(\/|$))/g) ?? []) : [];
  if (wanted.includes(undefined) || new Set(names).size < names.length) return undefined;
  return share + wanted.join('/');
}

function naiveLevel(level: string, isLast: boolean, isTemplate: boolean): string | undefined {
  if (level === '+' || (level === '#' && isLast)) return level;
  if (/[+#]/.test(level)) return undefined;
  if (!isTemplate || !/[{}]/.test(level)) return level;
  if (/^\{[a-z_][a-z0-9_-]*\}$/i.test(level)) return '+';
  return isLast && /^\{[a-z_][a-z0-9_-]*\*\}$/i.test(level) ? '#' : undefined;
}

/** The names and levels that a template captures, in its order; `undefined` if it does not match. */
function naiveCapture(template: string, topic: string): [string, string][] | undefined {
  if (/^(\+|#|\{)/.test(template) && topic.startsWith('$')) return undefined; // [MQTT-4.7.2-1]
  const names = Array.from(template.matchAll(/\{(\w+)\*?\}/g), ([, name]) => name!);
  const pattern = template
    .replaceAll(/[$]/g, String.raw`\$`)
    .replace(/(^|\/)#$/, (_, slash: string) => (slash === '' ? '.*' : '(?:/.*)?'))
    .replace(/(^|\/)\{\w+\*\}$/, (_, slash: string) => (slash === '' ? '(.*)' : '(?:/(.*))?'))
    .replaceAll(/\{\w+\}/g, '([^/]*)')
    .replaceAll(/(^|\/)\+(?=\/|\(|$)/g, '$1[^/]*');
  const match = new RegExp(`^${pattern}$`, 's').exec(topic);
  if (match === null) return undefined;
  return names.flatMap((name, index) => {
    const level = match[index + 1];
    return level === undefined ? [] : [[name, level] as [string, string]];
  });
}

function fillIn(template: string, params: TopicParams): string {
  return template
    .replace(/\/\{rest\*\}$/, () => (Object.hasOwn(params, 'rest') ? `/${params['rest']}` : ''))
    .replaceAll(/\{(\w+)\*?\}/g, (_, name: string) => params[name]!);
}

/** A literal before "+" before "#", level by level. */
function naiveOrder(filter: string, other: string): number {
  const [levels, others] = [filter.split('/'), other.split('/')];
  for (const [index, level] of levels.entries()) {
    const compared = rank(level) - rank(others[index]);
    if (compared !== 0) return compared;
  }
  return levels.length - others.length;
}

function rank(level: string | undefined): number {
  if (level === undefined) return -1;
  return ['+', '#'].indexOf(level) + 1;
}

function isUnicode(text: string): boolean {
  return Buffer.from(text).toString() === text;
}
