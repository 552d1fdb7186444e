import type { MqttConnection } from '../connection/mqtt-connection.js';
import type { Session } from '../connection/session.js';
import { ConnectionError, SubscriptionError } from '../errors.js';

interface ReplySubscription {
  readonly session: Session;
  readonly granted: Promise<unknown>;
  isGranted: boolean;
}

const REPLY_QOS = 1;

/** Subscribes to each reply topic once, and again in each session that does not know it, before a request is sent. */
export class ReplySubscriptions {
  readonly #connection: MqttConnection;
  readonly #subscriptions = new Map<string, ReplySubscription>();

  readonly #onRefused: (error: SubscriptionError) => void;

  /** @param onRefused called when a broker that granted a reply topic refuses it in a later session */
  constructor(connection: MqttConnection, onRefused: (error: SubscriptionError) => void) {
    this.#connection = connection;
    this.#onRefused = onRefused;
    connection.onSession((session) => this.#renew(session));
    connection.onClosed(() => this.#subscriptions.clear());
  }

  /**
   * Resolves when the broker has granted the subscription in the current session.
   * @throws {SubscriptionError}
   */
  async ensure(topic: string): Promise<void> {
    const session = await this.#connection.ready();
    const current = this.#subscriptions.get(topic);
    const { granted } = current?.session === session ? current : this.#subscribe(topic, session);
    try {
      await granted;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      await this.ensure(topic); // in the next session, if there is one
    }
  }

  #subscribe(topic: string, session: Session): ReplySubscription {
    const granted = this.#connection.subscribe([{ filter: topic, qos: REPLY_QOS }]);
    const subscription: ReplySubscription = { session, granted, isGranted: false };
    this.#subscriptions.set(topic, subscription);
    granted.then(
      () => (subscription.isGranted = true),
      (error: unknown) => {
        const isCurrent = this.#subscriptions.get(topic) === subscription;
        if (isCurrent && error instanceof SubscriptionError) this.#subscriptions.delete(topic);
      },
    );
    return subscription;
  }

  /** A session that is present knows what was granted in the last one. */
  async #renew(session: Session): Promise<void> {
    const renewed = [...this.#subscriptions].map(([topic, { isGranted }]) => {
      if (!session.present || !isGranted) return this.#subscribe(topic, session).granted;
      const granted = Promise.resolve();
      this.#subscriptions.set(topic, { session, granted, isGranted });
      return granted;
    });
    try {
      await Promise.all(renewed);
    } catch (error) {
      if (!(error instanceof SubscriptionError)) throw error;
      this.#onRefused(error);
    }
  }
}
