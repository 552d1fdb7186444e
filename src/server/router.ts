import type { InboundMessage } from '../message/inbound-message.js';
import type { HandlerRoute } from './handler-route.js';
import type { PlannedSubscription, SubscriptionPlan } from './subscription-plan.js';

/** Who handles one PUBLISH. */
export interface Destinations {
  readonly events: readonly HandlerRoute[];
  /** The one message handler, if it is this copy of the message that is for it. */
  readonly responder: HandlerRoute | undefined;
}

/** Finds the handlers of a PUBLISH: those of the Subscription Identifiers it carries, or of all filters that match. */
export class Router {
  readonly #plan: SubscriptionPlan;
  readonly #byIdentifier: ReadonlyMap<number, PlannedSubscription>;

  constructor(plan: SubscriptionPlan) {
    this.#plan = plan;
    this.#byIdentifier = new Map(plan.identified.map((planned) => [planned.request.identifier, planned]));
  }

  route({ topic, packet }: InboundMessage): Destinations {
    const delivered = this.#delivered(topic, packet.properties?.subscriptionIdentifier);
    const [first] = delivered;
    if (delivered.length === 1 && first!.eventsOnly) return { events: first!.routes, responder: undefined };
    const routes = delivered.flatMap((planned) => planned.routes);
    const events = routes.filter((route) => route.kind === 'event');
    if (events.length === routes.length) return { events, responder: undefined };
    const responder = this.#responder(topic);
    return { events, responder: responder && routes.includes(responder) ? responder : undefined };
  }

  #delivered(topic: string, identifiers: number | number[] | undefined): PlannedSubscription[] {
    if (identifiers === undefined) return this.#plan.match(topic);
    if (typeof identifiers === 'number') {
      const planned = this.#byIdentifier.get(identifiers);
      return planned === undefined ? [] : [planned];
    }
    const planned = new Set(identifiers.map((identifier) => this.#byIdentifier.get(identifier)));
    return [...planned].filter((subscription) => subscription !== undefined);
  }

  /** Of all message handlers whose filters match: a broker may send a copy of the message for each of them. */
  #responder(topic: string): HandlerRoute | undefined {
    const candidates = this.#plan
      .match(topic)
      .flatMap(({ routes }) => routes.filter(({ kind }) => kind === 'message'));
    return candidates.toSorted(
      (a, b) => bySpecificity(a, b) || this.#plan.order.get(a)! - this.#plan.order.get(b)!,
    )[0];
  }
}

function bySpecificity(
  { filter: { specificity: a } }: HandlerRoute,
  { filter: { specificity: b } }: HandlerRoute,
): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
