import { ConfigurationError } from '../errors.js';
import { BrokerConnection } from './broker-connection.js';
import type { MqttConnectionOptions } from './connection-options.js';
import { brokerConnectionOf, type MqttConnection } from './mqtt-connection.js';

/** A connection of one's own, or one that is shared. */
export interface SharedConnectionOption {
  /** A connection that is shared with others; whatever concerns the connection is an option of that one. Default: one of its own. */
  readonly connection?: MqttConnection | undefined;
}

/**
 * The connection that the options ask for.
 * @param ofOwner which of them do not concern the connection
 * @param own what a connection of one's own is made with
 * @throws {ConfigurationError} if one would be of no effect, beside a connection that is there
 */
export function connectionFor(
  options: MqttConnectionOptions & SharedConnectionOption,
  owner: string,
  ofOwner: Readonly<Record<string, true>>,
  own: MqttConnectionOptions = options,
): BrokerConnection {
  const { connection } = options;
  if (connection === undefined) return new BrokerConnection(own, owner);
  const misplaced = Object.entries(options)
    .filter(([name, value]) => value !== undefined && !Object.hasOwn(ofOwner, name))
    .map(([name]) => name);
  if (misplaced.length === 0) return brokerConnectionOf(connection);
  throw new ConfigurationError(`${misplaced.join(', ')}: options of the shared connection, not of ${owner}`);
}
