import fc from 'fast-check';
import { ConfigurationError } from '../../../src/errors.js';
import { TopicFilter } from '../../../src/topic/topic-filter.js';
import { fastCheckSettings } from '../fast-check-settings.js';
import { thrownBy } from '../thrown-by.js';

describe('TopicFilter.parse', () => {
  it.each([
    ['a', 'a', ['a']],
    ['/', '/', ['', '']],
    ['/a//b/', '/a//b/', ['', 'a', '', 'b', '']],
    ['+', '+', ['+']],
    ['#', '#', ['#']],
    ['+/a/+/#', '+/a/+/#', ['+', 'a', '+', '#']],
    ['$SYS/broker/#', '$SYS/broker/#', ['$SYS', 'broker', '#']],
    [' a b /Zähler/😀', ' a b /Zähler/😀', [' a b ', 'Zähler', '😀']],
    ['sites/{site}/meters/+/reading', 'sites/+/meters/+/reading', ['sites', '+', 'meters', '+', 'reading']],
    ['{_a1-b}/{B}', '+/+', ['+', '+']],
    ['{path*}', '#', ['#']],
    ['files/{user}/{path*}', 'files/+/#', ['files', '+', '#']],
    ['$share/group/a/{b}/#', '$share/group/a/+/#', ['a', '+', '#']],
    ['$share/group//', '$share/group//', ['', '']],
    ['$share/$share/$share/x', '$share/$share/$share/x', ['$share', 'x']],
    ['$shared/group/a', '$shared/group/a', ['$shared', 'group', 'a']],
    ['a/$share/b', 'a/$share/b', ['a', '$share', 'b']],
  ])('reads "%s", and subscribes to "%s"', (source, subscription, levels) => {
    const filter = TopicFilter.parse(source);
    expect([filter.source, filter.subscription, filter.levels]).toEqual([source, subscription, levels]);
    expect(filter.filter).toBe(levels.join('/'));
  });

  it.each([
    ['{"cmd":"sum"}', ['{"cmd":"sum"}']],
    ['{"a":{"b":1},"c":"d"}', ['{"a":{"b":1},"c":"d"}']],
    ['{"path":"a/b"}', ['{"path":"a', 'b"}']],
    ['{"path":"a/{b}/{c*}/d"}', ['{"path":"a', '{b}', '{c*}', 'd"}']],
  ])("takes the braces of Nest's object pattern %s literally", (source, levels) => {
    const filter = TopicFilter.parse(source);
    expect([filter.subscription, filter.levels]).toEqual([source, levels]);
    expect(filter.capture(source)).toEqual({});
    expect(filter.share('g').subscription).toBe(`$share/g/${source}`);
  });

  it.each([
    ['a', undefined],
    ['$shared/g/a', undefined],
    ['$share/g/a', 'g'],
    ['$share/a group/$SYS/#', 'a group'],
  ])('finds the ShareName of "%s": %s', (source, shareName) => {
    expect(TopicFilter.parse(source).shareName).toBe(shareName);
  });

  it('accepts 65,535 bytes [MQTT-4.7.3-3]', () => {
    const longest = 'a'.repeat(65_535);
    expect(TopicFilter.parse(longest).subscription).toBe(longest);
  });

  it.each([
    ['no character', '', 'MQTT-4.7.3-1'],
    ['no character after the ShareName', '$share/g/', 'MQTT-4.7.3-1'],
    ['the null character', 'a/\0', 'MQTT-4.7.3-2'],
    ['the null character in a ShareName', '$share/g\0/a', 'MQTT-4.7.3-2'],
    ['65,536 bytes', 'a'.repeat(65_536), 'MQTT-4.7.3-3'],
    ['65,538 bytes in 21,846 characters', '€'.repeat(21_846), 'MQTT-4.7.3-3'],
    ['65,536 bytes with "$share/g/"', `$share/g/${'a'.repeat(65_527)}`, 'MQTT-4.7.3-3'],
    ['a lone surrogate', 'a/\uD800', 'MQTT-1.5.4-1'],
    ['a lone surrogate in a ShareName', '$share/\uDC00/a', 'MQTT-1.5.4-1'],
    ['"#" before the last level', 'a/#/b', 'MQTT-4.7.1-1'],
    ['"#" in the first of two levels', '#/a', 'MQTT-4.7.1-1'],
    ['"#" after other characters', 'sport/tennis#', 'MQTT-4.7.1-1'],
    ['"#" before other characters', 'a/#b', 'MQTT-4.7.1-1'],
    ['"##"', '##', 'MQTT-4.7.1-1'],
    ['"#" after a named level', 'a/{b}#', 'MQTT-4.7.1-1'],
    ['"#" in an object pattern', '{"a":"#"}', 'MQTT-4.7.1-1'],
    ['"#" inside a Shared Subscription', '$share/g/a#', 'MQTT-4.7.1-1'],
    ['"+" after other characters', 'sport+', 'MQTT-4.7.1-2'],
    ['"+" before other characters', 'a/+b/c', 'MQTT-4.7.1-2'],
    ['"++"', '++', 'MQTT-4.7.1-2'],
    ['"+#"', 'a/+#', 'MQTT-4.7.1-1'],
    ['"+" before a named level', '+{a}', 'MQTT-4.7.1-2'],
    ['"+" in an object pattern', '{"a":"+"}', 'MQTT-4.7.1-2'],
    ['an empty ShareName', '$share//a', 'MQTT-4.8.2-1'],
    ['"+" in a ShareName', '$share/g+/a', 'MQTT-4.8.2-2'],
    ['"#" as the ShareName', '$share/#/a', 'MQTT-4.8.2-2'],
    ['a ShareName without a filter', '$share/g', 'MQTT-4.8.2-2'],
    ['"$share" alone', '$share', 'MQTT-4.8.2-2'],
    ['"$share/" alone', '$share/', 'MQTT-4.8.2-2'],
  ])('refuses %s', (_, source, rule) => {
    const parse = () => TopicFilter.parse(source);
    expect(parse).toThrow(ConfigurationError);
    expect(parse).toThrow(`[${rule}]`);
    expect(parse).toThrow(`The Topic Filter "${source}" is invalid: `);
  });

  it.each([
    ['{}', '"{}" is no named level'],
    ['a/{b', '"{b" is no named level'],
    ['a/b}', '"b}" is no named level'],
    ['a/x{b}', '"x{b}" is no named level'],
    ['a/{b}x', '"{b}x" is no named level'],
    ['{a}{b}', '"{a}{b}" is no named level'],
    ['{{a}}', '"{{a}}" is no named level'],
    ['{1a}', '"{1a}" is no named level'],
    ['{a b}', '"{a b}" is no named level'],
    ['{*}', '"{*}" is no named level'],
    ['{a**}', '"{a**}" is no named level'],
    ['a/{"cmd":"sum"}', '"{"cmd":"sum"}" is no named level'],
    ['{a*}/b', '"{a*}" takes the rest of the topic and must be the last level'],
    ['$share/g/{a*}/b', '"{a*}" takes the rest of the topic and must be the last level'],
    ['{a}/b/{a}', 'the name "a" occurs twice'],
    ['{a}/b/{a*}', 'the name "a" occurs twice'],
    ['{__proto__}/{__proto__}', 'the name "__proto__" occurs twice'],
  ])('refuses the named levels of "%s"', (source, problem) => {
    const error = thrownBy(() => TopicFilter.parse(source)) as ConfigurationError;
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain(`The Topic Filter "${source}" is invalid: ${problem}`);
  });
});

describe('capture', () => {
  it.each([
    ['sites/{site}/meters/{meter}/reading', 'sites/s1/meters/m2/reading', { site: 's1', meter: 'm2' }],
    ['a/+/c', 'a/b/c', {}],
    ['{a}/+/{c}', 'x/y/z', { a: 'x', c: 'z' }],
    ['a/{b}', 'a/', { b: '' }],
    ['{a}/b', '/b', { a: '' }],
    ['a/{rest*}', 'a/b/c', { rest: 'b/c' }],
    ['a/{rest*}', 'a/b', { rest: 'b' }],
    ['a/{rest*}', 'a/', { rest: '' }],
    ['a/{rest*}', 'a//', { rest: '/' }],
    ['a/{rest*}', 'a', {}],
    ['{a}/{rest*}', 'x', { a: 'x' }],
    ['{rest*}', 'a/b', { rest: 'a/b' }],
    ['$share/g/a/{b}', 'a/x', { b: 'x' }],
    ['{constructor}/b', 'x/b', { constructor: 'x' }],
  ])('of "%s" on "%s" is %j', (source, topic, params) => {
    expect(TopicFilter.parse(source).capture(topic)).toStrictEqual(params);
  });

  it('gives a level named "__proto__" an own key', () => {
    expect(Object.entries(TopicFilter.parse('{__proto__}').capture('x'))).toEqual([['__proto__', 'x']]);
  });

  it('gives back what the names stand for', () => {
    const level = fc.string({ unit: 'binary' }).filter((text) => !/[+#\0/{}]/.test(text));
    const levels = fc.array(fc.record({ level, named: fc.boolean() }), { minLength: 1, maxLength: 8 });
    const property = fc.property(levels, level, (parts, rest) => {
      const source = parts.map((part, index) => (part.named ? `{n${index}}` : part.level)).join('/');
      const topic = parts.map((part) => part.level).join('/');
      const named = parts.flatMap((part, index) => (part.named ? [[`n${index}`, part.level]] : []));
      const captured = TopicFilter.parse(`${source}/{rest*}`).capture(`${topic}/${rest}/${rest}`);
      expect(captured).toEqual({ ...Object.fromEntries(named), rest: `${rest}/${rest}` });
    });
    fc.assert(property, fastCheckSettings);
  });
});

describe('share', () => {
  it.each([
    ['a/{b}', 'g', '$share/g/a/+'],
    ['$share/f/a', 'g', '$share/g/a'],
    ['/', '$g', '$share/$g//'],
  ])('makes of "%s" and the group "%s" "%s"', (source, shareName, subscription) => {
    const shared = TopicFilter.parse(source).share(shareName);
    expect([shared.subscription, shared.shareName]).toEqual([subscription, shareName]);
  });

  it('keeps the names of the levels', () => {
    expect(TopicFilter.parse('a/{b}').share('g').capture('a/x')).toEqual({ b: 'x' });
  });

  it.each([
    ['', 'MQTT-4.8.2-1'],
    ['a/b', 'MQTT-4.8.2-2'],
    ['a/', 'MQTT-4.8.2-2'],
    ['+', 'MQTT-4.8.2-2'],
    ['a#', 'MQTT-4.8.2-2'],
    ['a\0', 'MQTT-4.7.3-2'],
  ])('refuses the group %j', (shareName, rule) => {
    expect(() => TopicFilter.parse('x/y').share(shareName)).toThrow(`[${rule}]`);
  });
});
