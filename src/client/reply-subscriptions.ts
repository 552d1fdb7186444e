import type { MqttConnection } from '../connection/mqtt-connection.js';
import type { Session } from '../connection/session.js';
import { ConnectionError, SubscriptionError } from '../errors.js';

interface ReplySubscription {
  readonly session: Session;
  readonly granted: Promise<unknown>;
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
    const subscription = { session, granted };
    this.#subscriptions.set(topic, subscription);
    granted.catch((error: unknown) => {
      const isCurrent = this.#subscriptions.get(topic) === subscription;
      if (isCurrent && error instanceof SubscriptionError) this.#subscriptions.delete(topic);
    });
    return subscription;
  }

  async #renew(session: Session): Promise<void> {
    const topics = [...this.#subscriptions.keys()];
    if (session.present) {
      for (const topic of topics) this.#subscriptions.set(topic, { session, granted: Promise.resolve() });
      return;
    }
    try {
      await Promise.all(topics.map((topic) => this.#subscribe(topic, session).granted));
    } catch (error) {
      if (!(error instanceof SubscriptionError)) throw error;
      this.#onRefused(error);
    }
  }
}
