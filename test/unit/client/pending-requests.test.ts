import type { WritePacket } from '@nestjs/microservices';
import { SendRequest } from '../../../src/client/send-request.js';
import { PendingRequests } from '../../../src/client/pending-requests.js';
import type { Reply } from '../../../src/message/reply.js';

describe('PendingRequests', () => {
  it.each<[string, Reply, WritePacket[], boolean]>([
    ['a value', { kind: 'value', value: 1, last: false }, [{ response: 1 }], true],
    ['undefined', { kind: 'value', value: undefined, last: false }, [{ response: undefined }], true],
    ['the last value', { kind: 'value', value: 1, last: true }, [{ response: 1, isDisposed: true }], false],
    [
      'null, the last value',
      { kind: 'value', value: null, last: true },
      [{ response: null, isDisposed: true }],
      false,
    ],
    [
      'undefined, the last value',
      { kind: 'value', value: undefined, last: true },
      [{ response: undefined }, { isDisposed: true }],
      false,
    ],
    ['the end', { kind: 'end' }, [{ isDisposed: true }], false],
    ['an error', { kind: 'error', error: 'no' }, [{ err: 'no', isDisposed: true }], false],
  ])('hands over %s', (_, reply, packets, waits) => {
    const { pending, received } = waitingFor('1');
    pending.deliver('1', reply);
    expect(received['1']).toStrictEqual(packets);
    expect(pending.has('1')).toBe(waits);
  });

  // Nest asks for `if (packet.err)`
  it.each([undefined, null, '', 0, false])('fails a request whose error is %p', (error) => {
    const { pending, received } = waitingFor('1');
    pending.deliver('1', { kind: 'error', error });
    expect(received['1']).toHaveLength(1);
    expect(received['1']?.[0]?.err).toBeTruthy();
  });

  it('hands over the values of a stream in their order, and nothing after its end', () => {
    const { pending, received } = waitingFor('1');
    for (const value of [1, 2]) pending.deliver('1', { kind: 'value', value, last: false });
    pending.deliver('1', { kind: 'end' });
    pending.deliver('1', { kind: 'value', value: 3, last: false });
    pending.fail('1', new Error('late'));
    expect(received['1']).toEqual([{ response: 1 }, { response: 2 }, { isDisposed: true }]);
  });

  it('hands a reply to its request alone', () => {
    const { pending, received } = waitingFor('1', '2', '__proto__');
    pending.deliver('__proto__', { kind: 'value', value: 1, last: true });
    pending.deliver('constructor', { kind: 'value', value: 2, last: true });
    expect(Object.entries(received)).toEqual([
      ['1', []],
      ['2', []],
      ['__proto__', [{ response: 1, isDisposed: true }]],
    ]);
  });

  it('drops a reply to a request that has been given up', () => {
    const { pending, received } = waitingFor('1');
    pending.abandon('1');
    pending.deliver('1', { kind: 'value', value: 1, last: true });
    expect([pending.has('1'), received['1']]).toEqual([false, []]);
  });

  it('has ended a request before its callback runs', () => {
    const { pending } = waitingFor();
    const waits: boolean[] = [];
    pending.add('1', new SendRequest('t', 0, () => waits.push(pending.has('1'))));
    pending.deliver('1', { kind: 'value', value: undefined, last: true });
    expect(waits).toEqual([false, false]);
  });

  it('fails one request', () => {
    const { pending, received } = waitingFor('1', '2');
    const error = new Error('no');
    pending.fail('1', error);
    expect(received).toEqual({ 1: [{ err: error, isDisposed: true }], 2: [] });
    expect([pending.has('1'), pending.has('2')]).toEqual([false, true]);
  });

  it('fails all requests, but not those that are made meanwhile', () => {
    const { pending, received } = waitingFor('1', '2');
    const again: WritePacket[] = [];
    const fourth = new SendRequest('t', 0, (packet) => again.push(packet));
    pending.add('3', new SendRequest('t', 0, () => pending.add('4', fourth)));
    const error = new Error('closed');
    pending.failAll(error);
    expect(received).toEqual({
      1: [{ err: error, isDisposed: true }],
      2: [{ err: error, isDisposed: true }],
    });
    expect(['1', '2', '3', '4'].map((id) => pending.has(id))).toEqual([false, false, false, true]);
    expect(again).toEqual([]);
  });
});

function waitingFor(...ids: string[]) {
  const pending = new PendingRequests(() => undefined);
  const lists = ids.map((id): [string, WritePacket[]] => [id, []]);
  for (const [id, list] of lists) pending.add(id, new SendRequest('t', 0, (packet) => list.push(packet)));
  return { pending, received: Object.fromEntries(lists) };
}
