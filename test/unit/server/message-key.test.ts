import type { IPublishPacket } from 'mqtt-packet';
import { ConfigurationError } from '../../../src/errors.js';
import { toMessageKey } from '../../../src/server/message-key.js';
import { MqttContext } from '../../../src/message/mqtt-context.js';
import { TopicFilter } from '../../../src/topic/topic-filter.js';
import { thrownBy } from '../thrown-by.js';

const filter = TopicFilter.parse('sites/{site}/{rest*}');

function keyOf(order: Parameters<typeof toMessageKey>[0], topic: string): string | undefined {
  const packet = { cmd: 'publish', topic, payload: '', qos: 0, retain: false, dup: false } as IPublishPacket;
  return toMessageKey(order, filter)?.(new MqttContext([topic, packet], { filter }));
}

describe('toMessageKey', () => {
  it.each<[Parameters<typeof toMessageKey>[0], string | undefined]>([
    ['topic', 'sites/a/b/c'],
    ['none', undefined],
    ['{site}', 'a'],
    ['{rest}', 'b/c'],
    ['{rest*}', 'b/c'],
    [({ topic }) => topic.toUpperCase(), 'SITES/A/B/C'],
    [() => undefined, undefined],
  ])('makes of %p the key %p', (order, key) => {
    expect(keyOf(order, 'sites/a/b/c')).toBe(key);
  });

  it('has an empty key for levels that are missing', () => {
    expect(keyOf('{rest}', 'sites/a')).toBe('');
  });

  it.each(['{other}', 'site', '{}', '{site', '', '{__proto__}', '{toString}', 1, null])(
    'does not take %p',
    (order) => {
      expect(thrownBy(() => toMessageKey(order as never, filter))).toBeInstanceOf(ConfigurationError);
    },
  );
});
