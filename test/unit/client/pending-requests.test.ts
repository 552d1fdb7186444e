import { jest } from '@jest/globals';
import { RemoteError } from '../../../src/errors.js';
import { GatherRequest, type ResponderReply } from '../../../src/client/gather-request.js';
import type { PendingRequest } from '../../../src/client/pending-request.js';
import { RequestIds } from '../../../src/client/request-ids.js';
import { PendingRequests } from '../../../src/client/pending-requests.js';
import { SendRequest, type ReplyConversion } from '../../../src/client/send-request.js';
import type { Reply } from '../../../src/message/reply.js';

const LAST: Reply = { kind: 'value', value: 1, last: true };
const NEXT: Reply = { kind: 'value', value: 1, last: false };
const END: Reply = { kind: 'end' };
const PLAIN: ReplyConversion = { toResponse: (value) => value, toError: (error) => error };

describe('a request', () => {
  it.each<[string, Reply, unknown[], boolean]>([
    ['a value', NEXT, ['next 1'], true],
    ['undefined', { kind: 'value', value: undefined, last: false }, ['next undefined'], true],
    ['the last value', LAST, ['next 1', 'complete'], false],
    ['null, the last value', { kind: 'value', value: null, last: true }, ['next null', 'complete'], false],
    [
      'undefined, the last value',
      { kind: 'value', value: undefined, last: true },
      ['next undefined', 'complete'],
      false,
    ],
    ['the end', END, ['complete'], false],
    ['an error', { kind: 'error', error: 'no' }, ['error no'], false],
    ['an error that is nothing', { kind: 'error', error: null }, ['error null'], false],
  ])('takes %s', (_, reply, expected, waits) => {
    const { pending, send } = create();
    const { request, seen } = send();
    pending.deliver(request.id, reply);
    expect([seen, pending.has(request.id)]).toEqual([expected, waits]);
  });

  it('takes the values of a stream in their order, and nothing after its end', () => {
    const { pending, send } = create();
    const { request, seen } = send();
    for (const reply of [NEXT, { ...NEXT, value: 2 }, END, { ...NEXT, value: 3 }])
      pending.deliver(request.id, reply);
    pending.fail(request.id, 'late');
    expect(seen).toEqual(['next 1', 'next 2', 'complete']);
  });

  it('takes no reply to another one, or after it is given up', () => {
    const { pending, send } = create();
    const [one, other] = [send(), send()];
    other.request.unsubscribe();
    pending.deliver(other.request.id, LAST);
    pending.deliver('constructor', LAST);
    expect([one.seen, other.seen, pending.size]).toEqual([[], [], 1]);
  });

  it('has ended before it takes the last reply', () => {
    const { pending } = create();
    const waits: boolean[] = [];
    const note = () => waits.push(pending.has(request.id));
    const request = named(new SendRequest('t', 0, { next: note, complete: note, error: note }, PLAIN));
    pending.add(request);
    pending.deliver(request.id, LAST);
    expect(waits).toEqual([false, false]);
  });

  it('fails if its value cannot be converted, also if its error cannot', () => {
    const { pending, send } = create();
    const toResponse = () => {
      throw new Error('no response');
    };
    const one = send({ ...PLAIN, toResponse });
    const other = send({ toResponse, toError: toResponse });
    for (const { request } of [one, other]) pending.deliver(request.id, LAST);
    expect([one.seen, other.seen, pending.size]).toEqual([['error Error: no response'], [], 0]);
  });
});

describe('requests that are failed', () => {
  it('are all, but not those that are made meanwhile', () => {
    const { pending, send } = create();
    const first = send();
    const again = () => void send();
    pending.add(named(new SendRequest('t', 0, { next: again, complete: again, error: again }, PLAIN)));
    pending.failAll('closed');
    expect([first.seen, pending.size]).toEqual([['error closed'], 1]);
  });

  it('are those that were sent, and their responders are told', () => {
    const { pending, send, inVain } = create();
    const [sent, waiting] = [send(), send()];
    sent.request.sent = true;
    pending.failSent('lost');
    expect([sent.seen, waiting.seen, inVain]).toEqual([['error lost'], [], [sent.request.id]]);
  });
});

describe('the time of a request', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('is up after timeoutMs without a reply, and its responders are told if it was sent', () => {
    const { pending, send, inVain } = create();
    const [one, other] = [send(PLAIN, 100), send(PLAIN, 100)];
    one.request.sent = true;
    jest.advanceTimersByTime(99);
    expect(pending.size).toBe(2);
    jest.advanceTimersByTime(3);
    expect([one.seen, other.seen]).toEqual([
      ['error RequestTimeoutError: No reply to the request on "t" within 100 ms'],
      ['error RequestTimeoutError: No reply to the request on "t" within 100 ms'],
    ]);
    expect([inVain, jest.getTimerCount()]).toEqual([[one.request.id], 0]);
  });

  it('starts again with each reply', () => {
    const { pending, send } = create();
    const { request, seen } = send(PLAIN, 100);
    for (let round = 0; round < 3; round++) {
      jest.advanceTimersByTime(90);
      pending.deliver(request.id, NEXT);
    }
    expect(seen).toEqual(['next 1', 'next 1', 'next 1']);
    jest.advanceTimersByTime(102);
    expect(seen.at(-1)).toMatch(/^error RequestTimeoutError/);
  });

  it('is its own, whatever others have', () => {
    const { send } = create();
    const requests = [300, 100, 200, 100].map((timeoutMs) => send(PLAIN, timeoutMs));
    const ended = () => requests.map(({ seen }) => seen.length);
    jest.advanceTimersByTime(102);
    expect(ended()).toEqual([0, 1, 0, 1]);
    jest.advanceTimersByTime(100);
    expect(ended()).toEqual([0, 1, 1, 1]);
    jest.advanceTimersByTime(100);
    expect(ended()).toEqual([1, 1, 1, 1]);
  });

  it.each([0, Infinity])('never ends if it is %d', (timeoutMs) => {
    const { send } = create();
    send(PLAIN, timeoutMs);
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each<[string, (id: string, pending: PendingRequests) => void]>([
    ['a reply', (id, pending) => pending.deliver(id, LAST)],
    ['an error', (id, pending) => pending.fail(id, 'no')],
    ['all being failed', (_, pending) => pending.failAll('no')],
  ])('leaves no timer after %s', (_, end) => {
    const { pending, send } = create();
    end(send(PLAIN, 100).request.id, pending);
    expect([jest.getTimerCount(), pending.size]).toEqual([0, 0]);
  });

  it('leaves no timer after it is given up', () => {
    const { send } = create();
    send(PLAIN, 100).request.unsubscribe();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not keep others from theirs if nobody can be told', () => {
    const { send } = create();
    send({ ...PLAIN, toError: () => raise() }, 100);
    const { seen } = send(PLAIN, 100);
    jest.advanceTimersByTime(102);
    expect(seen).toHaveLength(1);
  });
});

describe('a request to many', () => {
  it('waits for so many responders to end, and tells the others', () => {
    const { pending, inVain } = create();
    const { request, seen } = gather(pending, 2);
    pending.deliver(request.id, NEXT, 'a');
    pending.deliver(request.id, END, 'a');
    pending.deliver(request.id, END, 'a');
    pending.deliver(request.id, { kind: 'error', error: { reason: 'no' } }, 'b');
    expect(seen).toEqual([
      { responder: 'a', value: 1 },
      { responder: 'b', error: new RemoteError({ reason: 'no' }) },
      'complete',
    ]);
    expect([inVain, pending.size]).toEqual([[request.id], 0]);
  });

  it('takes the end of a responder without a value for its answer', () => {
    const { pending } = create();
    const { request, seen } = gather(pending, 2);
    pending.deliver(request.id, END, 'a');
    pending.deliver(request.id, END, undefined);
    expect(seen).toEqual([
      { responder: 'a', value: undefined },
      { responder: undefined, value: undefined },
      'complete',
    ]);
  });

  it('ends with what there is when the time is up, which starts once', () => {
    jest.useFakeTimers();
    const { pending } = create();
    const { request, seen } = gather(pending, Infinity, 100);
    jest.advanceTimersByTime(90);
    pending.deliver(request.id, LAST, 'a');
    jest.advanceTimersByTime(12);
    expect(seen).toEqual([{ responder: 'a', value: 1 }, 'complete']);
    jest.useRealTimers();
  });
});

const ids = new RequestIds();

function named<T extends PendingRequest>(request: T): T {
  request.id = ids.next();
  return request;
}

function raise(): never {
  throw new Error('no');
}

function create() {
  const inVain: string[] = [];
  const pending = new PendingRequests((id) => inVain.push(id));
  const send = (conversion = PLAIN, timeoutMs = 0) => {
    const seen: string[] = [];
    const observer = {
      next: (value: unknown) => void seen.push(`next ${String(value)}`),
      error: (error: unknown) => void seen.push(`error ${String(error)}`),
      complete: () => void seen.push('complete'),
    };
    const request = named(new SendRequest('t', timeoutMs, observer, conversion));
    pending.add(request);
    return { request, seen };
  };
  return { pending, send, inVain };
}

function gather(pending: PendingRequests, max: number, timeoutMs = 0) {
  const seen: unknown[] = [];
  const observer = {
    next: (reply: ResponderReply) => void seen.push(reply),
    error: (error: unknown) => void seen.push(error),
    complete: () => void seen.push('complete'),
  };
  const request = named(new GatherRequest('t', timeoutMs, max, observer));
  pending.add(request);
  return { request, seen };
}
