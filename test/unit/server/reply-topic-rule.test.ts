import { ConfigurationError } from '../../../src/errors.js';
import { replyTopicRule } from '../../../src/server/reply-topic-rule.js';
import type { ServerMqttOptions } from '../../../src/server/server-options.js';
import { thrownBy } from '../thrown-by.js';

const refuseAll = () => false;

describe('replyTopicRule', () => {
  it.each<[ServerMqttOptions['allowResponseTopic'], string, boolean]>([
    [undefined, 'any/topic', true],
    ['clients/+/replies', 'clients/a/replies', true],
    ['clients/+/replies', 'clients/a/b/replies', false],
    ['clients/+/replies', 'other', false],
    ['clients/{id}/replies', 'clients/a/replies', true],
    [['a', 'b/#'], 'a', true],
    [['a', 'b/#'], 'b/c/d', true],
    [['a', 'b/#'], 'c', false],
    [[], 'a', false],
    [(topic) => topic.endsWith('/replies'), 'a/replies', true],
    [(topic) => topic.endsWith('/replies'), 'a/answers', false],
    [refuseAll, 'a', false],
  ])('allowResponseTopic %p, "%s": %p', (allowResponseTopic, topic, allowed) => {
    const problem = replyTopicRule({ allowResponseTopic })(topic);
    expect(problem).toBe(allowed ? undefined : 'allowResponseTopic does not allow it');
  });

  it('refuses a topic in which something could not be read', () => {
    const problem = replyTopicRule({})(Buffer.from([0x61, 0xff]).toString());
    expect(problem).toBe('it is not well-formed UTF-8 [MQTT-1.5.4-1]');
  });

  it('takes an allowResponseTopic that throws for a refusal', () => {
    const allowResponseTopic = (): never => {
      throw new Error('no such client');
    };
    expect(replyTopicRule({ allowResponseTopic })('a')).toBe('allowResponseTopic failed: no such client');
  });

  it.each<[number | undefined, string, boolean]>([
    [undefined, 'a'.repeat(1024), true],
    [undefined, 'a'.repeat(1025), false],
    [4, 'abcd', true],
    [4, 'abcde', false],
    [4, 'ää', true],
    [4, 'ääa', false],
  ])('maxResponseTopicLength %p in bytes, "%s": %p', (maxResponseTopicLength, topic, allowed) => {
    const problem = replyTopicRule({ maxResponseTopicLength })(topic);
    const limit = maxResponseTopicLength ?? 1024;
    expect(problem).toBe(
      allowed ? undefined : `it is longer than the ${limit} bytes of maxResponseTopicLength`,
    );
  });

  it.each<[string, ServerMqttOptions]>([
    ['a filter that is none', { allowResponseTopic: 'a/#/b' }],
    ['an empty filter', { allowResponseTopic: ['a', ''] }],
    ['a length of 0', { maxResponseTopicLength: 0 }],
    ['a length that is no number', { maxResponseTopicLength: NaN }],
  ])('refuses %s', (_, options) => {
    expect(thrownBy(() => replyTopicRule(options))).toBeInstanceOf(ConfigurationError);
  });
});
