import { randomBytes } from 'node:crypto';
import type { IClientOptions } from 'mqtt';
import { ConfigurationError } from '../errors.js';
import type { OutgoingOptions } from './outgoing-options.js';

/** MQTT.js's options but those that the connection needs for itself. */
type PassedOn = Omit<
  IClientOptions,
  'customHandleAcks' | 'manualConnect' | 'reconnectOnConnackError' | 'resubscribe'
>;

/** MQTT.js's options, which are passed on as they are, and what the connection adds to them. */
export interface MqttConnectionOptions extends OrUndefined<PassedOn>, OutgoingOptions {
  /**
   * `mqtt://`, `mqtts://`, `ws://`, `wss://` (or MQTT.js's `tcp`, `tls`, `ssl`, and `+unix` for a socket's path).
   * Default `mqtt://localhost:1883`; `host`, `port` and `servers` take precedence over it.
   */
  readonly url?: string | undefined;
  /**
   * How long to wait for a SUBACK, in milliseconds. Default 10 000. The clock starts with the SUBSCRIBE and starts
   * again with each SUBACK.
   */
  readonly subscribeTimeoutMs?: number | undefined;
  /**
   * After how many failed attempts in a row the first connection is given up, -1 for never. Default -1 on a server,
   * 1 on a client (which tries again with the next message). A connection that was made once is always made again. What
   * the broker refuses for good, such as bad credentials, is not tried again.
   */
  readonly maxConnectionAttempts?: number | undefined;
}

/** So that an option may come from the environment. */
type OrUndefined<T> = { readonly [K in keyof T]: T[K] | undefined };

const DEFAULT_URL = 'mqtt://localhost:1883';
const URL_SCHEME = /^(mqtts?|wss?|tcp|ssl|tls)(\+unix)?:\/\//;

/**
 * What MQTT.js is called with.
 * @throws {ConfigurationError}
 */
export function toMqttJsOptions(options: MqttConnectionOptions): { url: string; options: IClientOptions } {
  const { url = DEFAULT_URL, subscribeTimeoutMs: _, maxConnectionAttempts: __, ...rest } = options;
  if (!URL_SCHEME.test(url)) {
    throw new ConfigurationError(
      `"${redact(url)}" is no address of a broker: it must begin with mqtt://, mqtts://, ws:// or wss://`,
    );
  }
  if (rest.clean === false && !rest.clientId) {
    throw new ConfigurationError(
      'A session that is kept (clean: false) needs a clientId that stays the same',
    );
  }
  const given = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  ) as IClientOptions;
  return {
    url,
    options: {
      clientId: `nest${randomBytes(8).toString('hex')}`, // within the 23 characters that every broker takes [MQTT-3.1.3-5]
      ...given,
      resubscribe: false, // a resubscription that is refused must be seen
      reconnectOnConnackError: true, // we know which refusals are final
    },
  };
}

/** The broker's address for messages, without credentials. */
export function describeBroker({
  url = DEFAULT_URL,
  servers,
  host,
  port,
  protocol,
}: MqttConnectionOptions): string {
  if (servers !== undefined) return servers.map((server) => `${server.host}:${server.port}`).join(', ');
  if (host === undefined && port === undefined) return redact(url);
  const parsed = new URL(url);
  return `${protocol ?? parsed.protocol.replace(':', '')}://${host ?? parsed.hostname}:${port ?? parsed.port}`;
}

function redact(url: string): string {
  return url.replace(/\/\/.*@/, '//').replace(/[?#].*$/, '');
}
