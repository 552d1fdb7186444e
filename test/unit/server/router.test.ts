import { Router } from '../../../src/server/router.js';
import type { HandlerRoute } from '../../../src/server/handler-route.js';
import { SubscriptionPlan } from '../../../src/connection/subscriptions/subscription-plan.js';
import { createMessageRoute, createRoute } from './create-route.js';

describe('a PUBLISH without Subscription Identifiers', () => {
  it('is for every event handler whose filter matches, once', () => {
    const routes = ['a/b', 'a/b', 'a/{x}', '#', '$share/g/a/#', 'b/#'].map((pattern) => createRoute(pattern));
    const { events, responder } = routed(routes, 'a/b');
    expect(new Set(events)).toEqual(new Set(routes.slice(0, 5)));
    expect([events.length, responder]).toEqual([5, undefined]);
  });

  it('is for nobody if no filter matches', () => {
    expect(routed([createRoute('a/+'), createMessageRoute('b')], 'c')).toEqual({
      events: [],
      responder: undefined,
    });
  });

  it('is for event handlers and one message handler', () => {
    const [event, general, specific] = [
      createRoute('a/#'),
      createMessageRoute('a/#'),
      createMessageRoute('a/b'),
    ];
    expect(routed([event, general, specific], 'a/b')).toEqual({ events: [event], responder: specific });
    expect(routed([event, general, specific], 'a/c')).toEqual({ events: [event], responder: general });
  });
});

describe('a PUBLISH with Subscription Identifiers', () => {
  const [all, level, literal] = ['a/#', 'a/+', 'a/b'].map((pattern) => createRoute(pattern)) as Three;

  it.each([
    ['one', (ids: number[]) => ids[1], [level]],
    ['several', (ids: number[]) => [ids[2]!, ids[0]!], [literal, all]],
    ['the same twice', (ids: number[]) => [ids[0]!, ids[0]!], [all]],
    ['one that is known and one that is not', (ids: number[]) => [7, ids[0]!], [all]],
    ['one that is not known', () => 7, []],
    ['an empty list', () => [], []],
  ])('is for the handlers of these: %s', (_, choose, expected) => {
    const routes = [all, level, literal];
    expect(routed(routes, 'a/b', choose(identifiersOf(routes))).events).toEqual(expected);
  });

  it('is for all handlers of one filter', () => {
    const routes = ['a/{x}', 'a/{y}', 'a/+', 'a/b'].map((pattern) => createRoute(pattern));
    const [identifier] = identifiersOf(routes);
    expect(routed(routes, 'a/b', identifier).events).toEqual(routes.slice(0, 3));
  });

  it('is for the responder only if it is the copy for it', () => {
    const [general, specific] = [createMessageRoute('a/#'), createMessageRoute('a/b')] as const;
    const identifiers = identifiersOf([general, specific]);
    const responders = identifiers.map(
      (identifier) => routed([general, specific], 'a/b', identifier).responder,
    );
    expect(responders).toEqual([undefined, specific]);
    expect(routed([general, specific], 'a/b', identifiers).responder).toBe(specific);
    expect(routed([general, specific], 'a/c', identifiers[0]).responder).toBe(general);
  });
});

describe('a request', () => {
  it.each([
    ['a/b', ['#', 'a/#', '+/b', 'a/+', 'a/b/#', 'a/b'], 'a/b'],
    ['a/b', ['#', 'a/#', '+/b', 'a/+', 'a/b/#'], 'a/b/#'],
    ['a/b', ['#', 'a/#', '+/b', 'a/+'], 'a/+'],
    ['a/b', ['#', 'a/#', '+/b'], 'a/#'],
    ['a/b', ['#', '+/+', '+/b'], '+/b'],
    ['a/b', ['#', '+/+', '+/#'], '+/+'],
    ['a', ['#', 'a/#', '+', 'a'], 'a'],
    ['a', ['#', '+/#', '+'], '+'],
    ['a/b/c', ['+/b/c', 'a/#'], 'a/#'],
    ['a/b/c', ['a/+/c', 'a/b/+', 'a/+/+'], 'a/b/+'],
    ['a/b', ['a/{x*}', 'a/{x}', '{y}/b'], 'a/{x}'],
    ['$SYS/a', ['#', '+/a', '$SYS/#'], '$SYS/#'],
    ['{"cmd":"sum"}', ['#', '{"cmd":"sum"}'], '{"cmd":"sum"}'],
  ])('on "%s" for %j is answered by "%s"', (topic, patterns, winner) => {
    for (const order of [patterns, patterns.toReversed()]) {
      const routes = order.map((pattern) => createMessageRoute(pattern));
      expect(routed(routes, topic).responder?.filter.source).toBe(winner);
    }
  });

  it.each([
    [['a/{x}', 'a/+']],
    [['a/+', 'a/{x}', 'a/{x}']],
    [['$share/g/a/b', 'a/b']],
    [['a/b', '$share/g/a/b', '$share/h/a/b']],
  ])('for equally specific filters %j is answered by the handler that was registered first', (patterns) => {
    const routes = patterns.map((pattern) => createMessageRoute(pattern));
    expect(routed(routes, 'a/b').responder).toBe(routes[0]);
    expect(routed(routes.toReversed(), 'a/b').responder).toBe(routes.at(-1));
  });

  it('is answered by the message handler that was registered first, after an event handler of another one', () => {
    const routes = [createRoute('a'), createMessageRoute('$share/g/a'), createMessageRoute('a')] as const;
    expect(routed(routes, 'a').responder).toBe(routes[1]);
  });
});

type Three = [HandlerRoute, HandlerRoute, HandlerRoute];

function routed(routes: readonly HandlerRoute[], topic: string, identifiers?: number | number[]) {
  const matched = new SubscriptionPlan(routes).match(topic, identifiers);
  const router = new Router(routes);
  return router.route(
    topic,
    matched.flatMap(({ interests }) => interests),
  );
}

function identifiersOf(routes: readonly HandlerRoute[]): number[] {
  return new SubscriptionPlan(routes).identified.map(({ request }) => request.identifier);
}
