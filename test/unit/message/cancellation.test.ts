import {
  decodeCancellation,
  encodeEnvelopeCancellation,
  encodeMqtt5Cancellation,
  requestKey,
} from '../../../src/message/cancellation.js';
import { createMessage } from '../server/create-message.js';

describe('a cancellation', () => {
  it('of MQTT 5 has the key of its request', () => {
    const properties = encodeMqtt5Cancellation('replies', '1');
    expect(decodeCancellation(createMessage('c', '', { properties }))).toBe(
      requestKey('replies', Buffer.from('1')),
    );
  });

  it('of MQTT 3.1.1 has the key of its request', () => {
    const payload = encodeEnvelopeCancellation('replies', 'ä');
    expect(decodeCancellation(createMessage('c', payload))).toBe(requestKey('replies', 'ä'));
  });

  it.each([
    ['nothing', ''],
    ['text', 'cancel'],
    ['null', 'null'],
    ['a number', '7'],
    ['an array', '[]'],
    ['no id', '{"replyTo":"replies"}'],
    ['no replyTo', '{"id":"1"}'],
    ['an id that is a number', '{"id":1,"replyTo":"replies"}'],
    ['a replyTo that is none', '{"id":"1","replyTo":{}}'],
  ])('is not a message with %s', (_, payload) => {
    expect(decodeCancellation(createMessage('c', payload))).toBeUndefined();
  });

  it('is not a message with a part of its properties', () => {
    for (const properties of [{ responseTopic: 'replies' }, { correlationData: Buffer.from('1') }])
      expect(decodeCancellation(createMessage('c', '', { properties }))).toBeUndefined();
  });
});

describe('the key of a request', () => {
  it.each<[string, [string, Buffer | string], [string, Buffer | string]]>([
    ['topics', ['a', 'x'], ['b', 'x']],
    ['ids', ['a', 'x'], ['a', 'y']],
    ['bytes that are no UTF-8', ['a', Buffer.from([0xff])], ['a', Buffer.from([0xfe])]],
    ['what is at the border of both', ['a', 'bx'], ['ab', 'x']],
  ])('tells %s apart', (_, one, other) => {
    expect(requestKey(...one)).not.toBe(requestKey(...other));
  });
});
