import type { InboundMessage } from '../../message/inbound-message.js';
import { JointDecision } from '../../message/joint-decision.js';
import type { Interest, PlannedSubscription, SubscriptionPlan } from './subscription-plan.js';

/** Who shares a connection: it is given the messages of its interests, each once, and settles them. */
export interface Subscriber<T extends Interest = Interest> {
  /** @param interests those that the message is for, at least one */
  receive(message: InboundMessage, interests: readonly T[]): void;
}

/** An interest with its subscriber. */
export interface Owned extends Interest {
  readonly interest: Interest;
  readonly owner: Subscriber;
}

/** The interests of one subscriber in a message. */
interface Delivery {
  readonly owner: Subscriber;
  readonly interests: readonly Interest[];
}

/** Gives each message to those whose interests it matches. */
export class Deliveries {
  readonly #plan: SubscriptionPlan<Owned>;
  /** Known from the first message on: most of many subscriptions are quiet. */
  readonly #bySubscription = new Map<PlannedSubscription<Owned>, readonly Delivery[]>();

  constructor(plan: SubscriptionPlan<Owned>) {
    this.#plan = plan;
  }

  /** Whether there was somebody to give it to. */
  dispatch(message: InboundMessage): boolean {
    const { topic, packet } = message;
    const deliveries = this.#of(this.#plan.match(topic, packet.properties?.subscriptionIdentifier));
    const [first] = deliveries;
    if (first === undefined) return false;
    if (deliveries.length === 1) first.owner.receive(message, first.interests);
    else share(message, deliveries);
    return true;
  }

  #of(matched: readonly PlannedSubscription<Owned>[]): readonly Delivery[] {
    return matched.length === 1 ? this.#ofOne(matched[0]!) : groupByOwner(matched);
  }

  #ofOne(planned: PlannedSubscription<Owned>): readonly Delivery[] {
    let deliveries = this.#bySubscription.get(planned);
    if (deliveries === undefined) {
      deliveries = groupByOwner([planned]);
      this.#bySubscription.set(planned, deliveries);
    }
    return deliveries;
  }
}

/** All of them have a say in what becomes of the message. */
function share(message: InboundMessage, deliveries: readonly Delivery[]): void {
  const decision = new JointDecision(deliveries.length, message.settle);
  for (const { owner, interests } of deliveries) {
    const vote = decision.vote();
    owner.receive({ ...message, settle: (own) => void vote(own) }, interests);
  }
}

function groupByOwner(matched: readonly PlannedSubscription<Owned>[]): readonly Delivery[] {
  const groups = new Map<Subscriber, Interest[]>();
  for (const { interests } of matched) {
    for (const { owner, interest } of interests) {
      const group = groups.get(owner);
      if (group === undefined) groups.set(owner, [interest]);
      else group.push(interest);
    }
  }
  return [...groups].map(([owner, interests]) => ({ owner, interests }));
}
