import { MqttContext as NestMqttContext } from '@nestjs/microservices';
import type { IPublishPacket } from 'mqtt-packet';
import { MqttContext } from '../../../src/message/mqtt-context.js';
import { TopicFilter } from '../../../src/topic/topic-filter.js';

const PACKET: IPublishPacket = {
  cmd: 'publish',
  topic: 'a/b',
  payload: '1',
  qos: 1,
  dup: false,
  retain: true,
};

describe('MqttContext', () => {
  it("is one of Nest's, with its methods", () => {
    const context = new MqttContext(['a/b', PACKET]);
    expect(context).toBeInstanceOf(NestMqttContext);
    expect([context.getTopic(), context.getPacket(), context.getArgs()]).toEqual([
      'a/b',
      PACKET,
      ['a/b', PACKET],
    ]);
  });

  it('tells the topic, the packet, the QoS and the RETAIN flag', () => {
    const { topic, packet, qos, retain } = new MqttContext(['a/b', PACKET]);
    expect([topic, packet, qos, retain]).toEqual(['a/b', PACKET, 1, true]);
  });

  it('tells the Topic Name of a packet that carries a Topic Alias alone', () => {
    expect(new MqttContext(['a/b', { ...PACKET, topic: '' }]).topic).toBe('a/b');
  });

  it('names the levels as the filter does', () => {
    const context = new MqttContext(['a/b/c', PACKET], { filter: TopicFilter.parse('a/{x}/{rest*}') });
    expect(context.params).toEqual({ x: 'b', rest: 'c' });
    expect(context.params).toBe(context.params);
  });

  it('tells the properties of an MQTT 5 message', () => {
    const userProperties = { a: '1', b: ['2', '3'] };
    const properties = { messageExpiryInterval: 60, contentType: 'text/plain', userProperties };
    const context = new MqttContext(['a/b', { ...PACKET, properties }]);
    expect(context.properties).toEqual(properties);
    expect(context.userProperties).toEqual(userProperties);
    expect(context.remainingExpirySeconds).toBe(60);
  });

  it('has nothing of them on MQTT 3.1.1', () => {
    const { params, properties, userProperties, remainingExpirySeconds } = new MqttContext(['a/b', PACKET]);
    expect([params, properties, userProperties, remainingExpirySeconds]).toEqual([{}, {}, {}, undefined]);
  });

  it('has as its metadata that of the envelope, else the User Properties, else nothing', () => {
    const packet = { ...PACKET, properties: { userProperties: { a: '1' } } };
    expect(new MqttContext(['a', packet], { metadata: { b: '2' } }).getMetadata()).toEqual({ b: '2' });
    expect(new MqttContext(['a', packet]).getMetadata()).toEqual({ a: '1' });
    expect(new MqttContext(['a', PACKET]).getMetadata()).toEqual({});
  });
});
