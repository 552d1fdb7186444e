import type { MqttEvents } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import type { Observable } from 'rxjs';
import { ConfigurationError } from '../errors.js';
import { BrokerConnection } from './broker-connection.js';
import type { ConnectionHealth } from './connection-health.js';
import type { MqttConnectionOptions } from './connection-options.js';
import type { MqttStatus } from './mqtt-status.js';

const connections = new WeakMap<MqttConnection, BrokerConnection>();

/**
 * What servers and clients see of a connection.
 * @throws {ConfigurationError}
 */
export function brokerConnectionOf(connection: MqttConnection): BrokerConnection {
  const found = connections.get(connection);
  if (found === undefined) throw new ConfigurationError('connection must be an MqttConnection');
  return found;
}

/**
 * One connection to a broker, which a server and any number of clients share: `new ServerMqtt({ connection })`,
 * `new ClientMqtt({ connection })`. It is made with the first of them that needs it, and closed with the last one. What concerns the connection is
 * said here, not there; `concurrency` of the server does not become its Receive Maximum.
 *
 * @example
 * ```ts
 * const connection = new MqttConnection({ url: 'mqtt://localhost:1883', protocolVersion: 5 });
 * const server = new ServerMqtt({ connection, concurrency: 100 });
 * const client = new ClientMqtt({ connection });
 * ```
 */
export class MqttConnection {
  readonly #connection: BrokerConnection;

  /** @throws {ConfigurationError} if an option is wrong */
  constructor(options: MqttConnectionOptions = {}) {
    this.#connection = new BrokerConnection(options, MqttConnection.name);
    connections.set(this, this.#connection);
  }

  /** What it does: `connected`, `disconnected`, `reconnecting`, `closed`. */
  get status(): Observable<MqttStatus> {
    return this.#connection.status;
  }

  /** How it is now. */
  health(): ConnectionHealth {
    return this.#connection.health();
  }

  /** Listens to an event of MQTT.js's client, on this one and on those that follow it. */
  on<K extends keyof MqttEvents>(event: K, callback: MqttEvents[K]): void {
    this.#connection.on(event, callback);
  }

  /**
   * MQTT.js's client.
   * @throws if nobody uses the connection
   */
  unwrap<T = MqttClient>(): T {
    const { client } = this.#connection;
    if (client === undefined) throw new Error('Not initialized: no server or client uses the connection.');
    return client as T;
  }

  /** Disconnects, whoever uses it still; it is made again with the next one who does. */
  close(): Promise<void> {
    return this.#connection.closeForAll();
  }

  /** For Nest, where the connection is a provider: servers and clients have been closed by then. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }
}
