import { Subscriptions } from '../../../../src/connection/subscriptions/subscriptions.js';
import type { Subscriber } from '../../../../src/connection/subscriptions/deliveries.js';
import type { SubscriptionRequest } from '../../../../src/connection/subscriptions/subscribe.js';
import type { Interest } from '../../../../src/connection/subscriptions/subscription-plan.js';
import { SubscriptionError } from '../../../../src/errors.js';
import { ACKNOWLEDGE, WITHHOLD, type Decision } from '../../../../src/message/decision.js';
import { TopicFilter } from '../../../../src/topic/topic-filter.js';
import { CapturedLogs } from '../../../support/capture-logs.js';
import { closedGate, type Gate } from '../../../support/gate.js';
import { createMessage } from '../../server/create-message.js';

const IDENTIFIED = {
  present: false,
  clientId: 'c',
  subscriptionIdentifiers: true,
  sharedSubscriptions: true,
};
const COVERING = { ...IDENTIFIED, subscriptionIdentifiers: false };

describe('Subscriptions', () => {
  it('asks for what is wanted before a session with the first one, and again with each that does not have it', async () => {
    const { subscriptions, asked } = create();
    await subscriptions.add(nobody, [interest('a'), interest('b')]);
    expect(asked).toEqual([]);
    await subscriptions.begin(IDENTIFIED);
    subscriptions.end();
    await subscriptions.begin({ ...IDENTIFIED, present: true });
    subscriptions.end();
    await subscriptions.begin(IDENTIFIED);
    expect(asked).toEqual(['+a +b', '+a +b']);
  });

  it('counts as granted what is wanted, not what a kept session has beside', async () => {
    const { subscriptions } = create();
    const [kept, left] = [interest('a'), interest('b')];
    await subscriptions.add(nobody, [kept, left]);
    await subscriptions.begin(IDENTIFIED);
    subscriptions.end();
    await subscriptions.remove([left]);
    await subscriptions.add(nobody, [interest('c')]);
    const beginning = subscriptions.begin({ ...IDENTIFIED, present: true });
    expect(subscriptions.count()).toEqual({ granted: 1, wanted: 2 });
    await beginning;
    expect(subscriptions.count()).toEqual({ granted: 2, wanted: 2 });
  });

  it('asks for what is added in a session, and lets go of what nobody wants any more', async () => {
    const { subscriptions, asked } = create();
    await subscriptions.begin(IDENTIFIED);
    const [one, other] = [interest('a'), interest('a')];
    await subscriptions.add(nobody, [one]);
    await subscriptions.add(nobody, [other]);
    await subscriptions.remove([one]);
    expect(asked).toEqual(['+a']);
    await subscriptions.remove([other]);
    expect([asked, subscriptions.granted]).toEqual([['+a', '-a'], []]);
  });

  it('raises the QoS of a filter for who wants a higher one, and does not lower it again', async () => {
    const { subscriptions, requests } = create();
    await subscriptions.begin(IDENTIFIED);
    const higher = interest('a', 2);
    await subscriptions.add(nobody, [interest('a', 0)]);
    await subscriptions.add(nobody, [higher]);
    await subscriptions.remove([higher]);
    expect(requests.map(({ filter, qos }) => [filter, qos])).toEqual([
      ['a', 0],
      ['a', 2],
    ]);
  });

  it('replaces what a wider filter covers, and asks for it again without that one, where a PUBLISH has no identifiers', async () => {
    const { subscriptions, asked } = create();
    await subscriptions.begin(COVERING);
    const wide = interest('#');
    await subscriptions.add(nobody, [interest('a/+')]);
    await subscriptions.add(nobody, [wide]);
    await subscriptions.remove([wide]);
    expect(asked).toEqual(['+a/+', '+#', '-a/+', '+a/+', '-#']);
  });

  it('does not ask twice for what is asked for at the same time', async () => {
    const gate = closedGate();
    const { subscriptions, asked } = create({ gate });
    await subscriptions.begin(IDENTIFIED);
    const adding = Promise.all(
      ['a', 'a', 'b'].map((filter) => subscriptions.add(nobody, [interest(filter)])),
    );
    gate.open();
    await adding;
    expect(asked).toEqual(['+a +b']);
  });

  it('lets go of what nobody wants any more by the time it is granted', async () => {
    const gate = closedGate();
    const { subscriptions, asked } = create({ gate });
    await subscriptions.begin(IDENTIFIED);
    const wanted = interest('a');
    const adding = subscriptions.add(nobody, [wanted]);
    await Promise.resolve();
    await subscriptions.remove([wanted]);
    gate.open();
    await adding;
    expect([asked, subscriptions.granted]).toEqual([['+a', '-a'], []]);
  });

  it('forgets what is refused, and tells whoever added it', async () => {
    const { subscriptions, asked } = create({ refused: ['no'] });
    await subscriptions.begin(IDENTIFIED);
    await expect(subscriptions.add(nobody, [interest('no'), interest('a')])).rejects.toBeInstanceOf(
      SubscriptionError,
    );
    subscriptions.end();
    await subscriptions.begin(IDENTIFIED);
    expect(asked).toEqual(['+no +a', '-a']);
  });

  it('tells nobody else, of those who ask at the same time', async () => {
    const { subscriptions } = create({ refused: ['no'] });
    await subscriptions.begin(IDENTIFIED);
    const outcomes = await Promise.allSettled(
      ['a', 'no', 'b'].map((filter) => subscriptions.add(nobody, [interest(filter)])),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(subscriptions.granted).toEqual(['a', 'b']);
  });

  it('gives messages to who lets go of them until the broker has confirmed', async () => {
    const gate = closedGate();
    const { subscriptions } = create({ unsubscribed: gate.opened });
    await subscriptions.begin(IDENTIFIED);
    const [one, wanted] = [receiver(), interest('a')];
    await subscriptions.add(one, [wanted]);
    const removing = subscriptions.remove([wanted]);
    subscriptions.dispatch(createMessage('a'));
    gate.open();
    await removing;
    subscriptions.dispatch(createMessage('a'));
    expect(one.received).toEqual([['a']]);
  });

  it('lets go once more of what the broker has not confirmed, and does not count on it', async () => {
    const { subscriptions, asked } = create({ unsubscribed: Promise.reject(new Error('lost')) });
    await subscriptions.begin(IDENTIFIED);
    const [one, other] = [interest('a'), interest('b')];
    await subscriptions.add(nobody, [one, other]);
    await expect(subscriptions.remove([one, other])).rejects.toThrow('lost');
    subscriptions.end();
    await subscriptions.add(nobody, [interest('b')]);
    await expect(subscriptions.begin({ ...IDENTIFIED, present: true })).rejects.toThrow('lost');
    expect(asked).toEqual(['+a +b', '-a -b', '+b', '-a']);
  });

  it('tells an interest that can be done without, and goes on', async () => {
    const { subscriptions } = create({ refused: ['no'] });
    const errors: SubscriptionError[] = [];
    await subscriptions.add(nobody, [
      { ...interest('no'), onRefused: (error: SubscriptionError) => void errors.push(error) },
      interest('a'),
    ]);
    await subscriptions.begin(IDENTIFIED);
    expect(errors.map(({ refused }) => refused)).toEqual([[{ filter: 'no', reasonCode: 0x87 }]]);
    expect(subscriptions.granted).toEqual(['a']);
  });

  it('tells of a refusal those whom the refused filter covers', async () => {
    const { subscriptions } = create({ refused: ['a/#'] });
    const told: string[] = [];
    const dispensable = (filter: string) => ({
      ...interest(filter),
      onRefused: () => void told.push(filter),
    });
    await subscriptions.add(nobody, ['a/b', 'a/#', 'b'].map(dispensable));
    await subscriptions.begin(COVERING);
    expect(told).toEqual(['a/b', 'a/#']);
  });

  it('lets go of retired filters in the first session that is present', async () => {
    const { subscriptions, asked } = create();
    subscriptions.retire(['old']);
    await subscriptions.begin({ ...IDENTIFIED, present: true });
    expect(asked).toEqual(['-old']);
  });

  it('gives a message to each subscriber once, with its interests', async () => {
    const { subscriptions } = create();
    const [one, other] = [receiver(), receiver()];
    const wide = interest('#');
    await subscriptions.add(one, [interest('a'), wide]);
    await subscriptions.add(other, [interest('+'), interest('b')]);
    subscriptions.dispatch(createMessage('a'));
    subscriptions.dispatch(createMessage('c/d'));
    expect(one.received.map((filters) => filters.toSorted())).toEqual([['#', 'a'], ['#']]);
    expect(other.received).toEqual([['+']]);
  });

  it('settles a message that several take when all have: one that withholds it decides', async () => {
    const { subscriptions } = create();
    const decisions: Decision[] = [];
    const [one, other] = [receiver(), receiver()];
    await subscriptions.add(one, [interest('a')]);
    await subscriptions.add(other, [interest('+')]);
    subscriptions.dispatch(createMessage('a', '', {}, (decision) => decisions.push(decision)));
    one.settle(WITHHOLD);
    expect(decisions).toEqual([]);
    other.settle(ACKNOWLEDGE);
    expect(decisions).toEqual([WITHHOLD]);
  });

  it('acknowledges what nobody wants, with one line in the log', () => {
    const { subscriptions, logs } = create();
    const decisions: Decision[] = [];
    for (const topic of ['b', 'c'])
      subscriptions.dispatch(createMessage(topic, '', {}, (own) => decisions.push(own)));
    expect([decisions, logs.length]).toEqual([[ACKNOWLEDGE, ACKNOWLEDGE], 1]);
  });
});

const nobody: Subscriber = { receive: () => undefined };

function interest(source: string, qos: 0 | 1 | 2 = 0): Interest {
  const filter = TopicFilter.parse(source);
  return { filter, subscription: { filter: filter.subscription, qos } };
}

function receiver() {
  const received: string[][] = [];
  let settle: ((decision: Decision) => void) | undefined;
  return {
    received,
    receive: (message: { settle: (decision: Decision) => void }, interests: readonly Interest[]) => {
      settle = message.settle;
      received.push(interests.map(({ filter }) => filter.source));
    },
    settle: (decision: Decision) => settle?.(decision),
  };
}

interface Setup {
  readonly refused?: readonly string[];
  readonly gate?: Gate;
  readonly unsubscribed?: Promise<void>;
}

function create({ refused = [], gate, unsubscribed = Promise.resolve() }: Setup = {}) {
  const asked: string[] = [];
  const requests: SubscriptionRequest[] = [];
  const logs: string[] = [];
  const note = (line: unknown) => void logs.push(String(line));
  const subscriptions = new Subscriptions({
    subscribe: async (batch) => {
      asked.push(batch.map(({ filter }) => `+${filter}`).join(' '));
      requests.push(...batch);
      await gate?.opened;
      const failing = batch.filter(({ filter }) => refused.includes(filter));
      if (failing.length > 0) {
        throw new SubscriptionError(
          'refused',
          failing.map(({ filter }) => ({ filter, reasonCode: 0x87 })),
        );
      }
      return batch.map(({ filter, qos }) => ({ filter, qos, requestedQos: qos }));
    },
    unsubscribe: (filters) => {
      asked.push(filters.map((filter) => `-${filter}`).join(' '));
      return unsubscribed;
    },
    logger: Object.assign(new CapturedLogs(), { warn: note }),
  });
  return { subscriptions, asked, requests, logs };
}
