import type { IClientOptions, MqttClient } from 'mqtt';
import { ConfigurationError } from '../errors.js';
import type { ReconnectOptions } from './back-off.js';
import type { HandleAuth } from './security/handle-auth.js';
import type { PresenceOptions } from './presence.js';
import { createClientId } from './client-id.js';
import type { MqttJsOptions } from './mqttjs-options.js';
import type { RefreshCredentials } from './security/refresh-credentials.js';
import { readTlsFiles, type TlsOptions } from './security/tls-files.js';
import type { OutgoingOptions } from './outgoing/outgoing-options.js';

/** MQTT.js's options, which are passed on as they are, and what the connection adds to them. */
export interface MqttConnectionOptions extends MqttJsOptions, TlsOptions, OutgoingOptions {
  /**
   * `mqtt://`, `mqtts://`, `ws://`, `wss://`, `mqtt+unix://` and the path of a socket (or MQTT.js's `tcp`, `tls`, `ssl`).
   * Default `mqtt://localhost:1883`; `host`, `port` and `servers` take precedence over it.
   */
  readonly url?: string | undefined;
  /**
   * The Client Identifier: of one connection alone, for another client with the same one would end it. `{hostname}`, `{pid}` and
   * `{uuid}` in it are filled; the latter two, which nobody is called a second time, not in that of a session that is kept
   * (`clean: false`). Brokers need not take more than 23 characters [MQTT-3.1.3-5], of which a UUID alone has 36. Default
   * `nest` and 16 random characters.
   */
  readonly clientId?: string | undefined;
  /**
   * How long to wait for a SUBACK, in milliseconds. Default 10 000. The clock starts with the SUBSCRIBE and starts
   * again with each SUBACK.
   */
  readonly subscribeTimeoutMs?: number | undefined;
  /**
   * After how many failed attempts in a row the first connection is given up, -1 for never. Default -1 on a server,
   * 1 on a client (which tries again with the next message). What the broker refuses for good, such as bad credentials without
   * `refreshCredentials`, is not tried again.
   *
   * A connection that was made is made again for as long as it takes, but for what the broker refuses for good, and credentials
   * that it refuses so many times in a row: then the status is `closed`, and the error an `error` event.
   */
  readonly maxConnectionAttempts?: number | undefined;
  /**
   * When a connection is made again: delays that grow, with jitter. Default: up to 1 s, doubling to 30 s. MQTT.js's `reconnectPeriod` fixes
   * them instead.
   */
  readonly reconnect?: ReconnectOptions | undefined;
  /**
   * Called before each attempt to connect, the first one too: what it gives takes the place of `username` and `password`. If it
   * rejects, or gives nothing within MQTT.js's `connectTimeout` (30 s), the attempt has failed. Default: none.
   */
  readonly refreshCredentials?: RefreshCredentials | undefined;
  /**
   * Enhanced authentication (MQTT 5), as the method of that name of MQTT.js's client; `properties.authenticationMethod` and
   * `authenticationData` begin it. Default: none.
   */
  readonly handleAuth?: HandleAuth | undefined;
  /**
   * A retained message that says whether this server or client is connected: `online` with each connection, `offline` before it
   * closes, and by the Will when it is lost. Takes the place of MQTT.js's `will`. Default: none.
   */
  readonly presence?: PresenceOptions | undefined;
}

const DEFAULT_URL = 'mqtt://localhost:1883';
const TLS_SCHEME = /^(mqtts|wss|ssl|tls)/;
const URL_SCHEME = /^(mqtts?|wss?|tcp|ssl|tls)(\+unix)?:\/\//;

/**
 * What MQTT.js is called with.
 * @throws {ConfigurationError}
 */
export function toMqttJsOptions(options: MqttConnectionOptions): { url: string; options: IClientOptions } {
  const {
    url = DEFAULT_URL,
    subscribeTimeoutMs: _subscribeTimeoutMs,
    maxConnectionAttempts: _maxConnectionAttempts,
    reconnect: _reconnect,
    refreshCredentials: _refreshCredentials,
    handleAuth: _handleAuth,
    presence: _presence,
    ...rest
  } = options;
  if (!URL_SCHEME.test(url)) {
    throw new ConfigurationError(
      `"${redact(url)}" is no address of a broker: it must begin with mqtt://, mqtts://, ws:// or wss://`,
    );
  }
  checkTls(url, options);
  const given = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  ) as IClientOptions;
  return {
    url,
    options: {
      ...given,
      ...readTlsFiles(options),
      clientId: createClientId(options),
      resubscribe: false, // a resubscription that is refused must be seen
      reconnectOnConnackError: true, // we know which refusals are final
    },
  };
}

/** MQTT.js takes half of it for nothing: with `cert` and `key` it makes mqtt:// mqtts://, with `ca` it does not. */
function checkTls(url: string, { ca, cert, key, protocol, servers }: MqttConnectionOptions): void {
  if ((cert === undefined) !== (key === undefined))
    throw new ConfigurationError('cert and key belong together: one of them is missing');
  const scheme = protocol ?? url.split(':', 1)[0]!;
  if (ca === undefined || cert !== undefined || servers !== undefined || TLS_SCHEME.test(scheme)) return;
  throw new ConfigurationError(`ca is given, but ${scheme}:// has no TLS: use mqtts:// or wss://`);
}

/** The broker's address for messages, without credentials. */
export function describeBroker({
  url = DEFAULT_URL,
  servers,
  host,
  port,
  protocol,
}: MqttConnectionOptions): string {
  if (servers !== undefined) return servers.map((server) => hostAndPort(server.host, server.port)).join(', ');
  if (host === undefined && port === undefined) return redact(url);
  const parsed = new URL(url);
  const where = hostAndPort(host ?? parsed.hostname, port ?? parsed.port);
  return `${protocol ?? parsed.protocol.replace(':', '')}://${where}`;
}

/** The same of the one of `servers` that the client is connected to. */
export function describeServer({ options: { servers, host, port } }: MqttClient, broker: string): string {
  return servers === undefined ? broker : hostAndPort(host, port);
}

/** An IPv6 address in brackets, as in a URL. */
function hostAndPort(host = '', port: number | string = ''): string {
  return `${/^[^[].*:/.test(host) ? `[${host}]` : host}:${port}`;
}

function redact(url: string): string {
  return url.replace(/\/\/.*@/, '//').replace(/[?#].*$/, '');
}
