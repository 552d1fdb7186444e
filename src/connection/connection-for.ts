import { ConfigurationError } from '../errors.js';
import { BrokerConnection } from './broker-connection.js';
import type { MqttConnectionOptions } from './connection-options.js';
import { brokerConnectionOf, type MqttConnection } from './mqtt-connection.js';

/** A connection of one's own, or one that is shared. */
export interface SharedConnectionOption {
  /** A connection that is shared with others; whatever concerns the connection is an option of that one. Default: one of its own. */
  readonly connection?: MqttConnection | undefined;
}

/** What would be of no effect beside a connection that is there. */
const OPTIONS_OF_THE_CONNECTION: readonly (keyof MqttConnectionOptions)[] = [
  'url',
  'host',
  'port',
  'protocol',
  'servers',
  'clientId',
  'clean',
  'protocolVersion',
  'username',
  'password',
  'keepalive',
  'properties',
  'will',
  'ca',
  'cert',
  'key',
  'reconnect',
  'reconnectPeriod',
  'refreshCredentials',
  'handleAuth',
  'maxConnectionAttempts',
  'presence',
  'limits',
  'maxQos',
  'offline',
  'outbox',
  'maxPublishAttempts',
];

/**
 * The connection that the options ask for.
 * @param own what a connection of one's own is made with
 * @throws {ConfigurationError}
 */
export function connectionFor(
  options: MqttConnectionOptions & SharedConnectionOption,
  owner: string,
  own: MqttConnectionOptions = options,
): BrokerConnection {
  const { connection } = options;
  if (connection === undefined) return new BrokerConnection(own, owner);
  const misplaced = OPTIONS_OF_THE_CONNECTION.filter((name) => options[name] !== undefined);
  if (misplaced.length === 0) return brokerConnectionOf(connection);
  throw new ConfigurationError(`${misplaced.join(', ')}: options of the shared connection, not of ${owner}`);
}
