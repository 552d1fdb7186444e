import type { SubscriptionRequest } from '../connection/subscribe.js';
import type { TopicFilter } from '../topic/topic-filter.js';
import { TopicTrie } from '../topic/topic-trie.js';
import type { HandlerRoute } from './handler-route.js';
import { createIdentifiers } from './subscription-identifiers.js';

/** The handlers that share a Topic Filter, and the subscription for them. */
export interface PlannedSubscription {
  readonly filter: TopicFilter;
  readonly request: SubscriptionRequest & { readonly identifier: number };
  readonly routes: readonly HandlerRoute[];
  /** Whether there is no message handler among them. */
  readonly eventsOnly: boolean;
}

/** What to subscribe to so that every handler gets each of its messages, and gets it once. */
export class SubscriptionPlan {
  /** One for each filter, with an identifier of its own: for brokers that say which ones a PUBLISH matched. */
  readonly identified: readonly PlannedSubscription[];
  /** The place of each handler in the order of registration. */
  readonly order: ReadonlyMap<HandlerRoute, number>;
  readonly #trie = new TopicTrie<PlannedSubscription>();

  constructor(routes: readonly HandlerRoute[]) {
    this.order = new Map(routes.map((route, index) => [route, index]));
    const groups = groupBySubscription(routes);
    const identifiers = createIdentifiers([...groups.keys()]);
    this.identified = [...groups].map(([subscription, group]) => ({
      filter: group[0]!.filter,
      request: {
        ...combine(group.map((route) => route.subscription)),
        identifier: identifiers.get(subscription)!,
      },
      routes: group,
      eventsOnly: group.every(({ kind }) => kind === 'event'),
    }));
    for (const planned of this.identified) this.#trie.add(planned.filter.levels, planned);
  }

  /** The subscriptions whose filters match a Topic Name. */
  match(topic: string): PlannedSubscription[] {
    return this.#trie.match(topic);
  }

  /** Those that no other one covers, for brokers that cannot say what a PUBLISH matched: one copy for all handlers. */
  covering(): readonly SubscriptionRequest[] {
    const requests = new Map<PlannedSubscription, SubscriptionRequest[]>();
    const covered = new Map(this.identified.map((planned) => [planned, this.#coverersOf(planned)]));
    for (const [planned, coverers] of covered) {
      for (const target of coverers.length === 0 ? [planned] : coverers) {
        requests.set(target, [...(requests.get(target) ?? []), planned.request]);
      }
    }
    return this.identified
      .filter((planned) => covered.get(planned)!.length === 0)
      .map((planned) => combine(requests.get(planned)!, planned.request.filter));
  }

  /** Pairs of filters that a broker without identifiers may deliver a message for twice. At most `limit` pairs. */
  overlaps(limit: number): (readonly [string, string])[] {
    const pairs = new Map<string, readonly [string, string]>();
    const uncovered = this.identified.filter((planned) => this.#coverersOf(planned).length === 0);
    const trie = new TopicTrie<PlannedSubscription>();
    for (const planned of uncovered) trie.add(planned.filter.levels, planned);
    for (const planned of uncovered) {
      for (const other of trie.overlapping(planned.filter.levels)) {
        if (pairs.size === limit) return [...pairs.values()];
        if (other === planned) continue;
        const pair = [planned.request.filter, other.request.filter].toSorted() as [string, string];
        pairs.set(pair.join(' '), pair);
      }
    }
    return [...pairs.values()];
  }

  /** A filter with wildcards, taken for a Topic Name, is matched by those that cover it, and by few others. */
  #coverersOf({ filter }: PlannedSubscription): PlannedSubscription[] {
    return this.#trie
      .match(filter.filter)
      .filter((other) => other.filter !== filter && other.filter.shareName === filter.shareName)
      .filter((other) => other.filter.covers(filter));
  }
}

function groupBySubscription(routes: readonly HandlerRoute[]): Map<string, HandlerRoute[]> {
  const groups = new Map<string, HandlerRoute[]>();
  for (const route of routes) {
    const group = groups.get(route.filter.subscription);
    if (group === undefined) groups.set(route.filter.subscription, [route]);
    else group.push(route);
  }
  return groups;
}

/** One subscription that gives each of these what it asks for. */
function combine(
  requests: readonly SubscriptionRequest[],
  filter = requests[0]!.filter,
): SubscriptionRequest {
  const retainHandlings = requests.map((request) => request.retainHandling ?? 0);
  return {
    filter,
    qos: Math.max(...requests.map((request) => request.qos)) as 0 | 1 | 2,
    noLocal: requests.every((request) => request.noLocal === true),
    retainAsPublished: requests.some((request) => request.retainAsPublished === true),
    retainHandling: Math.min(...retainHandlings) as 0 | 1 | 2,
  };
}
