import type { MqttClient } from 'mqtt';
import { distinctUntilChanged, ReplaySubject, type Observable } from 'rxjs';
import { connects, disconnects, reconnects } from '../diagnostics/connection-events.js';
import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import type { ConnectionHealth } from './connection-health.js';
import { describeServer } from './connection-options.js';
import { MqttStatus } from './mqtt-status.js';
import type { Session } from './session.js';

/** What a connection does, since when, and what went wrong last; tells it to who observes the status, and on the channels of diagnostics. */
export class ConnectionState {
  readonly changes: Observable<MqttStatus>;
  readonly #broker: string;
  readonly #statuses = new ReplaySubject<MqttStatus>(1);
  #identity: ConnectionIdentity;
  #isFirst = true;
  /** Whether a connection was made that has not ended. */
  #isMade = false;
  #status: MqttStatus = MqttStatus.CLOSED;
  #connectedSince: Date | undefined;
  #lastError: Error | undefined;

  /** @param broker its address, until one of several servers is connected to */
  constructor(broker: string, protocolVersion: 3 | 4 | 5) {
    this.changes = this.#statuses.pipe(distinctUntilChanged());
    this.#broker = broker;
    this.#identity = { broker, clientId: '', protocolVersion };
  }

  /** Which connection it is, for who hears of it. */
  get identity(): ConnectionIdentity {
    return this.#identity;
  }

  /** A first connection is about to be made. */
  begin({ options: { clientId = '' } }: MqttClient): void {
    this.#isFirst = true;
    this.#identity = { ...this.#identity, clientId };
  }

  connect(client: MqttClient, { clientId, present }: Session): void {
    this.#identity = { ...this.#identity, broker: describeServer(client, this.#broker), clientId };
    const [connection, isFirst] = [this.#identity, this.#isFirst];
    this.#isFirst = false;
    this.#isMade = true;
    if (connects.hasSubscribers) connects.publish({ connection, isFirst, sessionPresent: present });
    this.enter(MqttStatus.CONNECTED);
  }

  /** An attempt begins to make the connection again. */
  attempt(): void {
    if (reconnects.hasSubscribers) reconnects.publish({ connection: this.#identity });
    this.enter(MqttStatus.RECONNECTING);
  }

  /** @param error why, if it was lost, or could not be made */
  end(error?: Error): void {
    if (this.#isMade && disconnects.hasSubscribers)
      disconnects.publish({ connection: this.#identity, error });
    this.#isMade = false;
    this.#lastError = error ?? this.#lastError;
    this.enter(MqttStatus.CLOSED);
  }

  enter(status: MqttStatus): void {
    this.#connectedSince = status === MqttStatus.CONNECTED ? new Date() : undefined;
    this.#status = status;
    this.#statuses.next(status);
  }

  noteError(error: Error): void {
    this.#lastError = error;
  }

  health(subscriptions: ConnectionHealth['subscriptions']): Omit<ConnectionHealth, 'givenUp'> {
    const [status, connectedSince, lastError] = [this.#status, this.#connectedSince, this.#lastError];
    return { status, connectedSince, subscriptions, lastError };
  }
}
