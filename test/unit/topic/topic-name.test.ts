import fc from 'fast-check';
import { topicNameProblem } from '../../../src/topic/topic-name.js';
import { fastCheckSettings } from '../fast-check-settings.js';

describe('topicNameProblem', () => {
  it.each([
    ['one character', 'a'],
    ['a "/" alone', '/'],
    ['empty levels', '//a//'],
    ['spaces', ' a b / '],
    ['characters beyond ASCII', 'Zähler/😀/\uFEFF'],
    ['"$" in front', '$SYS/broker/load'],
    ['braces', '{"cmd":"sum"}'],
    ['65,535 bytes', 'a'.repeat(65_535)],
    ['65,535 bytes in fewer characters', '€'.repeat(21_845)],
  ])('accepts %s', (_, topic) => {
    expect(topicNameProblem(topic)).toBeUndefined();
  });

  it.each([
    ['"+"', 'a/+/b', 'MQTT-4.7.0-1'],
    ['"#"', 'a/#', 'MQTT-4.7.0-1'],
    ['"+" in a level', 'a+b', 'MQTT-4.7.0-1'],
    ['"#" in a level', 'a#b', 'MQTT-4.7.0-1'],
    ['no character', '', 'MQTT-4.7.3-1'],
    ['the null character', 'a/\0', 'MQTT-4.7.3-2'],
    ['65,536 bytes', 'a'.repeat(65_536), 'MQTT-4.7.3-3'],
    ['65,538 bytes in 21,846 characters', '€'.repeat(21_846), 'MQTT-4.7.3-3'],
    ['a lone high surrogate', 'a\uD83D/b', 'MQTT-1.5.4-1'],
    ['a lone low surrogate', 'a\uDE00', 'MQTT-1.5.4-1'],
  ])('refuses %s', (_, topic, rule) => {
    expect(topicNameProblem(topic)).toContain(`[${rule}]`);
  });

  it('keeps control characters out, over which brokers close the connection', () => {
    expect(topicNameProblem('a\u0001b')).toContain('(section 1.5.4)');
    expect(topicNameProblem('a\u0085b')).toContain('(section 1.5.4)');
  });

  it('accepts every string without wildcards, control characters and lone surrogates', () => {
    const names = fc.string({ unit: 'binary', minLength: 1 }).filter((name) => !/[+#\p{Cc}]/u.test(name));
    fc.assert(
      fc.property(names, (name) => expect(topicNameProblem(name)).toBeUndefined()),
      fastCheckSettings,
    );
  });
});
