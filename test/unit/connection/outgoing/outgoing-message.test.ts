import { afterWaiting } from '../../../../src/connection/outgoing/outgoing-message.js';
import type { MqttRecordOptions } from '../../../../src/index.js';

describe('afterWaiting', () => {
  it.each([
    ['nothing', {}, 10_000, {}],
    ['a Content Type', { contentType: 'a' }, 10_000, { contentType: 'a' }],
    ['less than a second', { messageExpiryInterval: 1 }, 999, { messageExpiryInterval: 1 }],
    [
      'seconds',
      { messageExpiryInterval: 60, contentType: 'a' },
      2_500,
      { messageExpiryInterval: 58, contentType: 'a' },
    ],
    ['a clock that was set back', { messageExpiryInterval: 60 }, -5_000, { messageExpiryInterval: 60 }],
    ['a Topic Alias', { topicAlias: 1, contentType: 'a' }, 0, { contentType: 'a' }],
    [
      'an alias and an expiry',
      { topicAlias: 1, messageExpiryInterval: 5 },
      1_000,
      { messageExpiryInterval: 4 },
    ],
  ] as [string, MqttRecordOptions['properties'], number, object][])(
    'takes off %s',
    (_, properties, waitedMs, left) => {
      const options = { qos: 1, properties } as const;
      expect(afterWaiting(options, waitedMs)).toEqual({ qos: 1, properties: left });
      expect(options).toEqual({ qos: 1, properties });
    },
  );

  it.each([1_000, 60_000])('says that a message has expired (after %d ms)', (waitedMs) => {
    expect(afterWaiting({ properties: { messageExpiryInterval: 1 } }, waitedMs)).toBeUndefined();
  });

  it('leaves a message without properties as it is', () => {
    const options = { qos: 1 } as const;
    expect(afterWaiting(options, 1000)).toBe(options);
  });
});
