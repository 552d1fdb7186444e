import type { LoggerService } from '@nestjs/common';
import type { MqttClient } from 'mqtt';
import type { ConnectionIdentity } from '../../diagnostics/connection-identity.js';
import { checkFilters, filtersPerPacket } from '../outgoing/broker-limits.js';
import type { MqttConnectionOptions } from '../connection-options.js';
import { subscribe } from './subscribe.js';
import { Subscriptions } from './subscriptions.js';
import { unsubscribe } from './unsubscribe.js';

interface Connected {
  /** The broker's address, for messages. */
  readonly broker: string;
  readonly logger: LoggerService;
  /** @throws {ConnectionError} */
  readonly client: () => MqttClient;
  readonly hasSession: () => boolean;
  readonly identity: () => ConnectionIdentity;
}

const SUBSCRIBE_TIMEOUT_MS = 10_000;

/** The subscriptions of a connection, as its options bound them. */
export function createSubscriptions(
  options: MqttConnectionOptions,
  { broker, logger, client, hasSession, identity }: Connected,
): Subscriptions {
  const timeoutMs = options.subscribeTimeoutMs ?? SUBSCRIBE_TIMEOUT_MS;
  const batchSize = filtersPerPacket(options);
  return new Subscriptions({
    logger,
    subscribe: async (requests) => {
      checkFilters(options.limits, requests);
      return subscribe(client(), requests, { timeoutMs, batchSize, broker, identity });
    },
    unsubscribe: async (filters) => {
      if (hasSession()) await unsubscribe(client(), filters, { timeoutMs, batchSize }); // else there are none
    },
  });
}
