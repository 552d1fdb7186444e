import type { ConnectionUser } from '../connection/connection-users.js';
import { Deferred } from '../connection/deferred.js';
import type { Subscriber } from '../connection/subscriptions/deliveries.js';
import type { BrokerConnection } from '../connection/broker-connection.js';
import type { Interest } from '../connection/subscriptions/subscription-plan.js';
import { ConnectionError, type SubscriptionError } from '../errors.js';
import type { RequestDialect } from './request-dialect.js';
import { TopicFilter } from '../topic/topic-filter.js';

interface ReplySubscription {
  readonly interest: Interest;
  readonly granted: Deferred<void>;
}

const REPLY_QOS = 1;

/** Subscribes to each reply topic once, before a request is sent. */
export class ReplySubscriptions {
  readonly #connection: BrokerConnection;
  readonly #owner: ConnectionUser & Subscriber;
  readonly #onRefused: (error: SubscriptionError) => void;
  readonly #subscriptions = new Map<string, ReplySubscription>();

  /** @param onRefused called when a broker that granted a reply topic refuses it in a later session */
  constructor(
    connection: BrokerConnection,
    owner: ConnectionUser & Subscriber,
    onRefused: (error: SubscriptionError) => void,
  ) {
    this.#connection = connection;
    this.#owner = owner;
    this.#onRefused = onRefused;
  }

  /**
   * Resolves when the broker has granted the subscription in the current session.
   * @throws {SubscriptionError}
   */
  async ensure(topic: string): Promise<void> {
    await this.#connection.ready(this.#owner);
    const { granted } = this.#subscriptions.get(topic) ?? this.#subscribe(topic);
    await granted.promise;
  }

  /** Whether a request on `topic` can be sent at once. */
  isGranted(topic: string, dialect: RequestDialect | undefined): boolean {
    if (dialect === undefined || !this.#connection.isReady) return false;
    return this.#subscriptions.get(dialect.replyTopic(topic))?.granted.pending === false;
  }

  /** The connection is closed for its client. */
  clear(): void {
    const interests = [...this.#subscriptions.values()].map(({ interest }) => interest);
    this.#subscriptions.clear();
    this.#connection.subscriptions.remove(interests).catch(() => undefined); // there may be no connection any more
  }

  #subscribe(topic: string): ReplySubscription {
    const filter = TopicFilter.parse(topic);
    const granted = new Deferred<void>();
    const onRefused = (error: SubscriptionError): void => {
      this.#subscriptions.delete(topic);
      if (granted.pending) granted.reject(error);
      else this.#onRefused(error);
    };
    const interest: Interest = { filter, subscription: { filter: topic, qos: REPLY_QOS }, onRefused };
    this.#subscriptions.set(topic, { interest, granted });
    this.#grant(interest, granted).catch((error: unknown) => granted.reject(error as Error));
    return { interest, granted };
  }

  /** What is lost with the connection is asked for again in the next session. */
  async #grant(interest: Interest, granted: Deferred<void>): Promise<void> {
    try {
      await this.#connection.subscriptions.add(this.#owner, [interest]);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      await this.#connection.ready(this.#owner);
    }
    if (granted.pending) granted.resolve();
  }
}
