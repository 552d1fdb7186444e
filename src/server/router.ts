import { TopicTrie } from '../topic/topic-trie.js';
import type { HandlerRoute } from './handler-route.js';

/** Who handles one PUBLISH. */
export interface Destinations {
  readonly events: readonly HandlerRoute[];
  /** The one message handler, if it is this copy of the message that is for it. */
  readonly responder: HandlerRoute | undefined;
}

/** Finds the handlers of a PUBLISH among those of the subscriptions that it came for. */
export class Router {
  /** Of the message handlers, in the order of registration. */
  readonly #order: ReadonlyMap<HandlerRoute, number>;
  readonly #responders = new TopicTrie<HandlerRoute>();

  /** @param routes all of them, in the order of registration */
  constructor(routes: readonly HandlerRoute[]) {
    const responders = routes.filter((route) => !isEvent(route));
    this.#order = new Map(responders.map((route, index) => [route, index]));
    for (const route of responders) this.#responders.add(route.filter.levels, route);
  }

  route(topic: string, routes: readonly HandlerRoute[]): Destinations {
    if (routes.every(isEvent)) return { events: routes, responder: undefined };
    const responder = this.#responder(topic);
    return {
      events: routes.filter(isEvent),
      responder: responder && routes.includes(responder) ? responder : undefined,
    };
  }

  /** Of all message handlers whose filters match: a broker may send a copy of the message for each of them. */
  #responder(topic: string): HandlerRoute | undefined {
    const candidates = this.#responders.match(topic);
    if (candidates.length <= 1) return candidates[0];
    return candidates.toSorted((a, b) => bySpecificity(a, b) || this.#order.get(a)! - this.#order.get(b)!)[0];
  }
}

function isEvent({ kind }: HandlerRoute): boolean {
  return kind === 'event';
}

function bySpecificity(
  { filter: { specificity: a } }: HandlerRoute,
  { filter: { specificity: b } }: HandlerRoute,
): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
