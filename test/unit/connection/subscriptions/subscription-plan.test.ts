import fc from 'fast-check';
import { SubscriptionPlan } from '../../../../src/connection/subscriptions/subscription-plan.js';
import { TopicFilter } from '../../../../src/topic/topic-filter.js';
import { fastCheckSettings } from '../../fast-check-settings.js';
import { allTopics, topicFilters } from '../../topic/arbitraries.js';
import { naiveMatch } from '../../topic/naive-match.js';
import { createRoute } from '../../server/create-route.js';

const { parse } = TopicFilter;
const LITERALS = ['a', 'b', '', '$SYS'];
const TOPICS = allTopics(LITERALS, 4);

const planOf = (...patterns: string[]) =>
  new SubscriptionPlan(patterns.map((pattern) => createRoute(pattern)));

describe('identified', () => {
  it('has one subscription for each filter, with all its handlers in their order', () => {
    const routes = ['a/{x}', 'b', 'a/+', '$share/g/a/+', 'a/{y}'].map((pattern) => createRoute(pattern));
    const { identified } = new SubscriptionPlan(routes);
    expect(identified.map(({ request, interests: own }) => [request.filter, own])).toEqual([
      ['a/+', [routes[0], routes[2], routes[4]]],
      ['b', [routes[1]]],
      ['$share/g/a/+', [routes[3]]],
    ]);
    expect(new Set(identified.map(({ request }) => request.identifier)).size).toBe(3);
  });

  it('keeps a filter that another one covers, with its own options', () => {
    const plan = new SubscriptionPlan([createRoute('#', { qos: 0 }), createRoute('a', { qos: 2 })]);
    expect(plan.identified.map(({ request }) => [request.filter, request.qos])).toEqual([
      ['#', 0],
      ['a', 2],
    ]);
  });

  it('gives the handlers of one filter what each of them asks for', () => {
    const { identified } = new SubscriptionPlan([
      createRoute('a', { qos: 0, noLocal: true, retainAsPublished: true, retainHandling: 2 }),
      createRoute('a', { qos: 2, noLocal: true, retainHandling: 1 }),
      createRoute('a', { qos: 1, noLocal: false, retainHandling: 2 }),
    ]);
    expect(identified[0]?.request).toMatchObject({
      filter: 'a',
      qos: 2,
      noLocal: false,
      retainAsPublished: true,
      retainHandling: 1,
    });
  });

  it('withholds what none of the handlers of one filter wants', () => {
    const options = { qos: 0, noLocal: true, retainAsPublished: false, retainHandling: 2 } as const;
    const { identified } = new SubscriptionPlan([createRoute('a', options), createRoute('a', options)]);
    expect(identified[0]?.request).toMatchObject(options);
  });
});

describe('covering', () => {
  it.each([
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [['jobs/+', 'jobs/#'], ['jobs/#']],
    [['jobs/#', 'jobs/+', 'jobs', 'jobs/a/b'], ['jobs/#']],
    [['a/b/c', 'a/+/c', 'a/#', '#'], ['#']],
    [
      ['#', '$SYS/#', '$SYS/a'],
      ['#', '$SYS/#'],
    ],
    [
      ['a/+/c', 'a/b/+'],
      ['a/+/c', 'a/b/+'],
    ],
    [
      ['a/b', 'a/+', '+/b'],
      ['a/+', '+/b'],
    ],
    [['a/{x}', 'a/{y}'], ['a/+']],
    [['#', '+/#'], ['#']],
    [['+/#', '#', 'a'], ['#']],
    [
      ['$share/g/a/+', 'a/#'],
      ['$share/g/a/+', 'a/#'],
    ],
    [
      ['$share/g/a/+', '$share/g/a/#', '$share/h/a/b'],
      ['$share/g/a/#', '$share/h/a/b'],
    ],
    [['{"cmd":"sum"}', '+'], ['+']],
    [[], []],
  ])('for %j subscribes to %j', (patterns, filters) => {
    const requests = planOf(...patterns).covering();
    expect(requests.map(({ filter }) => filter)).toEqual(filters);
  });

  it('takes the highest QoS and the options of all that a filter covers', () => {
    const plan = new SubscriptionPlan([
      createRoute('a/b', { qos: 1, retainAsPublished: true }),
      createRoute('a/#', { qos: 0, noLocal: true, retainHandling: 2 }),
      createRoute('a/+', { qos: 2, retainHandling: 1 }),
      createRoute('c', { qos: 0 }),
    ]);
    expect(plan.covering()).toEqual([
      { filter: 'a/#', qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 0 },
      { filter: 'c', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ]);
  });

  it('raises the QoS of each of two filters that cover a third', () => {
    const plan = new SubscriptionPlan([
      createRoute('a/+', { qos: 0 }),
      createRoute('+/b', { qos: 0 }),
      createRoute('a/b', { qos: 1 }),
    ]);
    expect(plan.covering()).toMatchObject([
      { filter: 'a/+', qos: 1 },
      { filter: '+/b', qos: 1 },
    ]);
  });

  it('does not raise the QoS of a shared subscription by what another group asks for', () => {
    const plan = new SubscriptionPlan([
      createRoute('$share/g/a/#', { qos: 0 }),
      createRoute('$share/h/a/b', { qos: 2 }),
      createRoute('a/b', { qos: 1 }),
    ]);
    expect(plan.covering()).toMatchObject([{ qos: 0 }, { qos: 2 }, { qos: 1 }]);
  });

  it('has no identifiers, which a broker could not send back', () => {
    expect(planOf('a', 'a/#').covering()).toEqual([
      expect.not.objectContaining({ identifier: expect.anything() as number }),
    ]);
  });

  it('loses no topic and no QoS, and leaves no filter that another one covers', () => {
    const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
    const handlers = fc.array(fc.tuple(topicFilters(LITERALS), qos), { maxLength: 8 });
    const property = fc.property(handlers, (asked) => {
      const plan = new SubscriptionPlan(asked.map(([filter, level]) => createRoute(filter, { qos: level })));
      const subscribed = plan.covering().map((request) => ({ ...request, parsed: parse(request.filter) }));
      for (const topic of TOPICS) {
        const wanted = asked.some(([filter]) => naiveMatch(filter, topic));
        expect(subscribed.some(({ filter }) => naiveMatch(filter, topic))).toBe(wanted);
      }
      for (const [filter, level] of asked) {
        const coverers = subscribed.filter(({ parsed }) => parsed.covers(parse(filter)));
        expect(Math.min(...coverers.map((request) => request.qos))).toBeGreaterThanOrEqual(level);
      }
      for (const { parsed } of subscribed) {
        expect(subscribed.filter((other) => other.parsed.covers(parsed))).toHaveLength(1);
      }
    });
    fc.assert(property, { ...fastCheckSettings, numRuns: Math.ceil(fastCheckSettings.numRuns / 5) });
  });
});

describe('overlaps', () => {
  it.each([
    [['a/+/c', 'a/b/+'], [['a/+/c', 'a/b/+']]],
    [['jobs/+', 'jobs/#'], []],
    [['a/+/c', 'a/b/+', 'a/b/#'], [['a/+/c', 'a/b/#']]],
    [['a/+', 'b/+'], []],
    [['+/a', '$SYS/+'], []],
    [['a', 'a'], []],
    [['$share/g/a/+', 'a/b'], [['$share/g/a/+', 'a/b']]],
    [['$share/g/a', '$share/h/a'], [['$share/g/a', '$share/h/a']]],
    [['$share/g/a', '$share/g/a'], []],
  ])('of %j are %j', (patterns, pairs) => {
    expect(planOf(...patterns).overlaps(10)).toEqual(pairs);
  });

  it('are as many as asked for', () => {
    const plan = planOf('+/a', '+/b/#', 'c/+', 'd/+', 'e/+', 'f/+');
    expect(plan.overlaps(100)).toHaveLength(8);
    expect(plan.overlaps(3)).toHaveLength(3);
    expect(plan.overlaps(0)).toHaveLength(0);
  });
});

describe('match', () => {
  it('finds every subscription of a topic, shared or not', () => {
    const plan = planOf('a/{x}', '$share/g/a/#', 'a/b', '$share/h/b', '+');
    expect(
      plan
        .match('a/b')
        .map(({ request }) => request.filter)
        .toSorted(),
    ).toEqual(['$share/g/a/#', 'a/+', 'a/b']);
  });
});
