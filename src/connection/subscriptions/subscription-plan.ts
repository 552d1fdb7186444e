import type { SubscriptionError } from '../../errors.js';
import type { TopicFilter } from '../../topic/topic-filter.js';
import { TopicTrie } from '../../topic/topic-trie.js';
import type { SubscriptionRequest } from './subscribe.js';
import { createIdentifiers } from './subscription-identifiers.js';

/** What somebody wants the messages of: a handler, or the replies of a client. */
export interface Interest {
  readonly filter: TopicFilter;
  readonly subscription: SubscriptionRequest;
  /** Called if the broker refuses it, upon which it is forgotten. Without it, a refusal is an error of whoever subscribes. */
  readonly onRefused?: ((error: SubscriptionError) => void) | undefined;
}

/** The interests that share a Topic Filter, and the subscription for them. */
export interface PlannedSubscription<T extends Interest> {
  readonly filter: TopicFilter;
  readonly request: SubscriptionRequest & { readonly identifier: number };
  readonly interests: readonly T[];
}

type CombinedRequest = Required<Omit<SubscriptionRequest, 'identifier'>>;

/** What to subscribe to so that everybody gets each of its messages, and gets it once. */
export class SubscriptionPlan<T extends Interest> {
  /** One for each filter, with an identifier of its own: for brokers that say which ones a PUBLISH matched. */
  readonly identified: readonly PlannedSubscription<T>[];
  readonly #trie = new TopicTrie<PlannedSubscription<T>>();
  readonly #byIdentifier: ReadonlyMap<number, PlannedSubscription<T>>;

  constructor(interests: readonly T[]) {
    const groups = groupBySubscription(interests);
    const identifiers = createIdentifiers([...groups.keys()]);
    this.identified = [...groups].map(([subscription, group]) => ({
      filter: group[0]!.filter,
      request: identify(
        combine(group.map((interest) => interest.subscription)),
        identifiers.get(subscription)!,
      ),
      interests: group,
    }));
    this.#byIdentifier = new Map(this.identified.map((planned) => [planned.request.identifier, planned]));
    for (const planned of this.identified) this.#trie.add(planned.filter.levels, planned);
  }

  /** The subscriptions that a PUBLISH is for: those of the identifiers it carries, else all whose filters match. */
  match(topic: string, identifiers?: number | readonly number[]): PlannedSubscription<T>[] {
    if (identifiers === undefined) return this.#trie.match(topic);
    if (typeof identifiers === 'number') {
      const planned = this.#byIdentifier.get(identifiers);
      return planned === undefined ? [] : [planned];
    }
    const planned = new Set(identifiers.map((identifier) => this.#byIdentifier.get(identifier)));
    return [...planned].filter((subscription) => subscription !== undefined);
  }

  /** Those that no other one covers, for brokers that cannot say what a PUBLISH matched: one copy for all handlers. */
  covering(): readonly SubscriptionRequest[] {
    const requests = new Map<PlannedSubscription<T>, SubscriptionRequest[]>();
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
    const trie = new TopicTrie<PlannedSubscription<T>>();
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
  #coverersOf({ filter }: PlannedSubscription<T>): PlannedSubscription<T>[] {
    return this.#trie
      .match(filter.filter)
      .filter((other) => other.filter !== filter && other.filter.shareName === filter.shareName)
      .filter((other) => other.filter.covers(filter));
  }
}

function groupBySubscription<T extends Interest>(interests: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const interest of interests) {
    const group = groups.get(interest.filter.subscription);
    if (group === undefined) groups.set(interest.filter.subscription, [interest]);
    else group.push(interest);
  }
  return groups;
}

/** One subscription that gives each of these what it asks for. */
/** Without spreading it: each object of the result would have a hidden class of its own, which is larger than the object. */
function identify(
  { filter, qos, noLocal, retainAsPublished, retainHandling }: CombinedRequest,
  identifier: number,
): Required<SubscriptionRequest> {
  return { filter, qos, noLocal, retainAsPublished, retainHandling, identifier };
}

function combine(requests: readonly SubscriptionRequest[], filter = requests[0]!.filter): CombinedRequest {
  const retainHandlings = requests.map((request) => request.retainHandling ?? 0);
  return {
    filter,
    qos: Math.max(...requests.map((request) => request.qos)) as 0 | 1 | 2,
    noLocal: requests.every((request) => request.noLocal === true),
    retainAsPublished: requests.some((request) => request.retainAsPublished === true),
    retainHandling: Math.min(...retainHandlings) as 0 | 1 | 2,
  };
}
