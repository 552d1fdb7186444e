import type { LoggerService } from '@nestjs/common';
import { ConnectionError, SubscriptionError } from '../../errors.js';
import type { InboundMessage } from '../../message/inbound-message.js';
import { Deliveries, type Owned, type Subscriber } from './deliveries.js';
import { describeOverlap } from './describe-overlap.js';
import { GrantedFilters } from './granted-filters.js';
import { isRefusedBy } from './is-refused-by.js';
import type { Session } from '../session.js';
import type { SubscriptionGrant, SubscriptionRequest } from './subscribe.js';
import { SubscriptionPlan, type Interest } from './subscription-plan.js';
import { Undelivered } from './undelivered.js';

interface SubscriptionsSettings {
  readonly subscribe: (requests: readonly SubscriptionRequest[]) => Promise<readonly SubscriptionGrant[]>;
  readonly unsubscribe: (filters: readonly string[]) => Promise<void>;
  readonly logger: LoggerService;
}

const SHOWN_OVERLAPS = 5;

/** What all who share a connection want, and what the broker has granted of it in this session. */
export class Subscriptions {
  readonly #settings: SubscriptionsSettings;
  readonly #owned = new Map<Interest, Owned>();
  /** Given their messages until the broker has confirmed that no more will come. */
  readonly #leaving = new Set<Interest>();
  readonly #retired = new Set<string>();
  readonly #undelivered: Undelivered;
  #plan = new SubscriptionPlan<Owned>([]);
  #deliveries = new Deliveries(this.#plan);
  #session: Session | undefined;
  #granted = new GrantedFilters();
  #working: Promise<unknown> = Promise.resolve();
  #lostWhileTrying = false;

  constructor(settings: SubscriptionsSettings) {
    this.#settings = settings;
    this.#undelivered = new Undelivered(settings.logger);
  }

  /** The filters that the broker has granted in this session. */
  get granted(): readonly string[] {
    return this.#granted.filters;
  }

  /** How many there are to be, and how many of them there are. */
  count(): { readonly granted: number; readonly wanted: number } {
    if (this.#session === undefined) return { granted: 0, wanted: this.#plan.identified.length };
    const wanted = this.#wanted(this.#session);
    const granted = wanted.filter(({ filter }) => this.#granted.has(filter));
    return { granted: granted.length, wanted: wanted.length };
  }

  /** Filters that a kept session may have, and nobody wants: unsubscribed from when the first session is present. */
  retire(filters: readonly string[]): void {
    for (const filter of filters) this.#retired.add(filter);
  }

  /** Keeps for a subscriber, until it adds what it wants, the QoS 1 and QoS 2 messages that are for nobody. */
  expect(owner: Subscriber): void {
    this.#undelivered.expect(owner);
  }

  /**
   * Subscribes to what a subscriber wants; without a connection, with the next session.
   * @throws {SubscriptionError} upon which it is forgotten
   * @throws {ConnectionError} if the connection is lost meanwhile: the next session subscribes to it
   */
  async add<T extends Interest>(owner: Subscriber<T>, interests: readonly T[]): Promise<void> {
    for (const interest of interests) {
      const { filter, subscription } = interest;
      this.#owned.set(interest, { filter, subscription, interest, owner });
    }
    this.#replan();
    for (const message of this.#undelivered.arrive(owner)) this.dispatch(message);
    try {
      await this.#synchronize();
    } catch (error) {
      if (!(error instanceof SubscriptionError)) throw error;
      if (!interests.some(({ filter }) => isRefusedBy(error, filter))) return; // whoever wants that hears of it
      await this.remove(interests).catch(() => undefined); // the error is that of the subscription
      throw error;
    }
  }

  /** Unsubscribes from what nobody else wants. Resolves when the broker has confirmed; until then the messages are theirs. */
  async remove(interests: readonly Interest[]): Promise<void> {
    for (const interest of interests) this.#leaving.add(interest);
    this.#replan();
    try {
      await this.#letGo();
    } finally {
      this.forget(interests);
    }
  }

  /** Leaves the session as it is: what it still brings is nobody's. */
  forget(interests: readonly Interest[]): void {
    for (const interest of interests) {
      this.#owned.delete(interest);
      this.#leaving.delete(interest);
    }
    this.#replan();
  }

  /**
   * Subscribes in a new session to all that it does not have.
   * @throws {SubscriptionError} if somebody cannot do without what is refused
   */
  async begin(session: Session): Promise<void> {
    if (!session.present) this.#granted = new GrantedFilters();
    this.#session = session;
    if (this.#granted.size === 0) {
      this.#reportOverlaps(session);
      if (session.present && this.#retired.size > 0) await this.#settings.unsubscribe([...this.#retired]);
    }
    await this.#synchronize();
  }

  /** The connection is lost. */
  end(): void {
    this.#session = undefined;
  }

  /** The connection is closed: nothing is known of the next session. */
  reset(): void {
    this.end();
    this.#undelivered.clear();
    this.#granted = new GrantedFilters();
  }

  dispatch(message: InboundMessage): void {
    if (!this.#deliveries.dispatch(message)) this.#undelivered.take(message);
  }

  #replan(): void {
    const owned = [...this.#owned.values()];
    const staying = owned.filter(({ interest }) => !this.#leaving.has(interest));
    this.#plan = new SubscriptionPlan(staying);
    this.#deliveries = new Deliveries(
      staying.length === owned.length ? this.#plan : new SubscriptionPlan(owned),
    );
  }

  #wanted({ subscriptionIdentifiers }: Session): readonly SubscriptionRequest[] {
    return subscriptionIdentifiers
      ? this.#plan.identified.map(({ request }) => request)
      : this.#plan.covering();
  }

  /** One change after the other, so that nothing is asked for twice. */
  #synchronize(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return Promise.resolve();
    const work = this.#working.then(() => (this.#session === session ? this.#update(session) : undefined));
    this.#working = work.catch(() => undefined); // whoever waits for the work hears of it
    return work;
  }

  /** What a wider filter covered is subscribed to before that one is let go of. */
  async #letGo(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    if (this.#missing(session).length > 0) await this.#synchronize();
    else await this.#unsubscribe(session);
  }

  #missing(session: Session): readonly SubscriptionRequest[] {
    return this.#wanted(session).filter((request) => !this.#granted.satisfies(request));
  }

  async #update(session: Session): Promise<void> {
    const missing = this.#missing(session);
    const possible = session.sharedSubscriptions ? missing : this.#refuseShared(missing);
    const filters = this.#dispensable();
    const dispensable = possible.filter(({ filter }) => filters.has(filter));
    const necessary = possible.filter(({ filter }) => !filters.has(filter));
    const refusal = necessary.length > 0 ? await refusalOf(this.#subscribe(necessary)) : undefined;
    if (dispensable.length > 0) await this.#tryToSubscribe(dispensable);
    await this.#unsubscribe(session); // less may be wanted by now
    if (refusal !== undefined) throw refusal;
  }

  /** Nothing that is wanted later waits for the answer, or counts on what is unsubscribed from. */
  async #unsubscribe(session: Session): Promise<void> {
    const granted = this.#granted;
    const obsolete = granted.takeObsolete(this.#wanted(session));
    if (obsolete.length === 0) return;
    try {
      await this.#settings.unsubscribe(obsolete);
    } catch (error) {
      granted.putBack(obsolete);
      throw error;
    }
  }

  async #subscribe(requests: readonly SubscriptionRequest[]): Promise<void> {
    const granted = this.#granted;
    const note = (refused: ReadonlySet<string>): void => {
      for (const request of requests) if (!refused.has(request.filter)) granted.add(request);
    };
    try {
      const grants = await this.#settings.subscribe(requests);
      note(new Set());
      this.#warnOfLowerQos(grants);
    } catch (error) {
      if (!(error instanceof SubscriptionError)) throw error;
      note(new Set(error.refused.map(({ filter }) => filter)));
      this.#onRefused(error);
    }
  }

  /** The filters without which nobody fails. */
  #dispensable(): ReadonlySet<string> {
    const planned = this.#plan.identified.filter(({ interests }) =>
      interests.every(({ interest }) => interest.onRefused !== undefined),
    );
    return new Set(planned.map(({ request }) => request.filter));
  }

  /** Some brokers close the connection over a filter that is not allowed; a connection is not lost at the same point twice otherwise. */
  async #tryToSubscribe(requests: readonly SubscriptionRequest[]): Promise<void> {
    try {
      await this.#subscribe(requests);
      this.#lostWhileTrying = false;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      const again = this.#lostWhileTrying;
      this.#lostWhileTrying = !again;
      if (!again) throw error;
      const refused = requests.map(({ filter }) => ({ filter }));
      this.#onRefused(new SubscriptionError(error.message, refused, { cause: error }));
      throw error;
    }
  }

  /** A broker that has no Shared Subscriptions would close the connection over one [MQTT-4.13.1-1]. */
  #refuseShared(requests: readonly SubscriptionRequest[]): readonly SubscriptionRequest[] {
    const shared = requests.filter(isShared);
    if (shared.length === 0) return requests;
    const filters = shared.map(({ filter }) => `"${filter}"`).join(', ');
    const refused = shared.map(({ filter }) => ({ filter }));
    const message = `The broker offers no Shared Subscriptions, which ${filters} would be`;
    this.#onRefused(new SubscriptionError(message, refused));
    return requests.filter((request) => !isShared(request));
  }

  /** @throws {SubscriptionError} if somebody cannot do without */
  #onRefused(error: SubscriptionError): void {
    const affected = [...this.#owned.values()]
      .filter(({ filter, interest }) => !this.#leaving.has(interest) && isRefusedBy(error, filter))
      .map(({ interest }) => interest);
    const dispensable = affected.filter(({ onRefused }) => onRefused !== undefined);
    this.forget(dispensable);
    for (const { onRefused } of dispensable) onRefused!(error);
    if (dispensable.length < affected.length) throw error;
  }

  #warnOfLowerQos(grants: readonly SubscriptionGrant[]): void {
    for (const { filter, qos, requestedQos } of grants) {
      if (qos < requestedQos) {
        this.#settings.logger.warn(
          `The broker granted QoS ${qos} for "${filter}", not the ${requestedQos} that was asked for`,
        );
      }
    }
  }

  #reportOverlaps({ subscriptionIdentifiers }: Session): void {
    const overlaps = subscriptionIdentifiers ? [] : this.#plan.overlaps(SHOWN_OVERLAPS).map(describeOverlap);
    if (overlaps.length === 0) return;
    const why = 'this broker does not say which one a message is for (MQTT 5 brokers do)';
    this.#settings.logger.warn(`These filters overlap, and ${why}: ${overlaps.join('; ')}`);
  }
}

/** The broker's refusal of what somebody cannot do without, if it refuses. */
async function refusalOf(subscribing: Promise<void>): Promise<SubscriptionError | undefined> {
  try {
    await subscribing;
    return undefined;
  } catch (error) {
    if (error instanceof SubscriptionError) return error;
    throw error;
  }
}

function isShared({ filter }: SubscriptionRequest): boolean {
  return filter.startsWith('$share/');
}
