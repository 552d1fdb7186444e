import type { QoS } from 'mqtt-packet';
import { ConfigurationError } from '../../../src/errors.js';
import { MqttRecordBuilder } from '../../../src/message/mqtt-record-builder.js';
import { MqttRecord } from '../../../src/message/mqtt-record.js';

describe('MqttRecordBuilder', () => {
  it('builds a record with everything that was set', () => {
    const record = new MqttRecordBuilder({ target: 21 })
      .setQoS(1)
      .setRetain()
      .setDup()
      .setContentType('application/json')
      .setMessageExpiry(60)
      .setUserProperty('tenant', 'acme')
      .setUserProperty('tag', ['a', 'b'])
      .setResponseTopic('replies')
      .setTopicAlias(3)
      .setProperties({ payloadFormatIndicator: true })
      .build();
    expect(record).toBeInstanceOf(MqttRecord);
    expect(record.data).toEqual({ target: 21 });
    expect(record.options).toEqual({
      qos: 1,
      retain: true,
      dup: true,
      properties: {
        contentType: 'application/json',
        messageExpiryInterval: 60,
        userProperties: { tenant: 'acme', tag: ['a', 'b'] },
        responseTopic: 'replies',
        topicAlias: 3,
        payloadFormatIndicator: true,
      },
    });
  });

  it('sets nothing by itself', () => {
    const record = new MqttRecordBuilder('a').build();
    expect([record.data, record.options]).toEqual(['a', {}]);
  });

  it('takes back what was set before', () => {
    const builder = new MqttRecordBuilder<unknown>('a').setRetain().setDup().setQoS(2).setContentType('a/a');
    const record = builder.setRetain(false).setDup(false).setQoS(0).setContentType('b/b').setData(2).build();
    expect(record.data).toBe(2);
    expect(record.options).toEqual({
      qos: 0,
      retain: false,
      dup: false,
      properties: { contentType: 'b/b' },
    });
  });

  it('does not change a record that it has built', () => {
    const builder = new MqttRecordBuilder('a').setUserProperty('a', '1');
    const record = builder.build();
    builder.setQoS(1).setUserProperty('a', '2').setUserProperty('b', '3').setTopicAlias(1).setData('b');
    expect(record.data).toBe('a');
    expect(record.options).toEqual({ properties: { userProperties: { a: '1' } } });
  });

  it('keeps the User Properties that were set when it adds raw ones', () => {
    const record = new MqttRecordBuilder('a')
      .setUserProperty('a', '1')
      .setProperties({ userProperties: { b: '2' } })
      .build();
    expect(record.options).toEqual({ properties: { userProperties: { a: '1', b: '2' } } });
  });

  it.each([0, 1, 2] as const)('accepts the QoS %d', (qos) => {
    expect(new MqttRecordBuilder('a').setQoS(qos).build().options).toEqual({ qos });
  });

  it.each([3, -1, 0.5, NaN, '1', null, undefined])('refuses the QoS %p', (qos) => {
    const set = () => new MqttRecordBuilder('a').setQoS(qos as QoS);
    expect(set).toThrow(ConfigurationError);
    expect(set).toThrow(`The QoS must be 0, 1 or 2, not ${String(qos)}`);
  });
});
