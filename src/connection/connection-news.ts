import type { MqttClient } from 'mqtt';
import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import { connects, disconnects, reconnects } from '../diagnostics/connection-events.js';
import { describeServer } from './connection-options.js';
import type { Session } from './session.js';

/** Tells on the channels of diagnostics that a connection is made and ends. */
export class ConnectionNews {
  readonly #broker: string;
  #identity: ConnectionIdentity;
  #isFirst = true;
  #connected = false;

  constructor(broker: string, protocolVersion: 3 | 4 | 5) {
    this.#broker = broker;
    this.#identity = { broker, clientId: '', protocolVersion };
  }

  /** Which connection all news are about. */
  get identity(): ConnectionIdentity {
    return this.#identity;
  }

  /** A first connection is about to be made. */
  noteStart({ options: { clientId = '' } }: MqttClient): void {
    this.#isFirst = true;
    this.#identity = { ...this.#identity, clientId };
  }

  noteConnect(client: MqttClient, { clientId, present }: Session): void {
    this.#identity = { ...this.#identity, broker: describeServer(client, this.#broker), clientId };
    const event = { connection: this.#identity, isFirst: this.#isFirst, sessionPresent: present };
    this.#isFirst = false;
    this.#connected = true;
    if (connects.hasSubscribers) connects.publish(event);
  }

  noteAttempt(): void {
    if (reconnects.hasSubscribers) reconnects.publish({ connection: this.#identity });
  }

  /** @param error why, if it was lost */
  noteEnd(error?: Error): void {
    if (!this.#connected) return;
    this.#connected = false;
    if (disconnects.hasSubscribers) disconnects.publish({ connection: this.#identity, error });
  }
}
