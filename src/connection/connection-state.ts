import { distinctUntilChanged, ReplaySubject, type Observable } from 'rxjs';
import type { ConnectionHealth } from './connection-health.js';
import { MqttStatus } from './mqtt-status.js';

/** What a connection does, since when, and what went wrong last. */
export class ConnectionState {
  readonly changes: Observable<MqttStatus>;
  readonly #statuses = new ReplaySubject<MqttStatus>(1);
  #status: MqttStatus = MqttStatus.CLOSED;
  #connectedSince: Date | undefined;
  #lastError: Error | undefined;

  constructor() {
    this.changes = this.#statuses.pipe(distinctUntilChanged());
  }

  enter(status: MqttStatus): void {
    this.#connectedSince = status === MqttStatus.CONNECTED ? new Date() : undefined;
    this.#status = status;
    this.#statuses.next(status);
  }

  noteError(error: Error): void {
    this.#lastError = error;
  }

  health(subscriptions: ConnectionHealth['subscriptions']): ConnectionHealth {
    const [status, connectedSince, lastError] = [this.#status, this.#connectedSince, this.#lastError];
    return { status, connectedSince, subscriptions, lastError };
  }
}
