import { EventEmitter } from 'node:events';
import type { MqttClient } from 'mqtt';

/** What the attempts to connect see of MQTT.js's client, without a network. */
export class FakeClient extends EventEmitter {
  readonly options = {};
  readonly incomingStore = {};
  readonly outgoingStore = {};
  readonly stream = new EventEmitter();
  readonly disconnecting = false;
  connected = false;
  /** When each attempt began, by `performance.now()`. */
  readonly attemptsAt: number[] = [];

  /** @param onAttempt what becomes of each attempt */
  constructor(readonly onAttempt: (client: FakeClient) => void) {
    super();
  }

  get asClient(): MqttClient {
    return this as unknown as MqttClient;
  }

  connect(): void {
    this.attemptsAt.push(performance.now());
    this.onAttempt(this);
  }

  reconnect(): void {
    this.emit('reconnect');
    this.connect();
  }

  /** The delays between the attempts. */
  get delays(): number[] {
    return this.attemptsAt.slice(1).map((at, index) => at - this.attemptsAt[index]!);
  }
}
