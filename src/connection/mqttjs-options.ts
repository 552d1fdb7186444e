import type { IClientOptions } from 'mqtt';
import type { TlsOptions } from './security/tls-files.js';

/** MQTT.js's options but those that the connection needs for itself. */
type PassedOn = Omit<
  IClientOptions,
  | keyof TlsOptions
  | 'clientId'
  | 'customHandleAcks'
  | 'manualConnect'
  | 'reconnectOnConnackError'
  | 'resubscribe'
>;

/** So that an option may come from the environment. */
type OrUndefined<T> = { readonly [K in keyof T]: T[K] | undefined };

/** MQTT.js's options, of which the usual ones are described here, for those who type them in. */
export interface MqttJsOptions extends OrUndefined<PassedOn> {
  /** The version of MQTT: 5, or 4 for 3.1.1. Default 4. */
  readonly protocolVersion?: IClientOptions['protocolVersion'] | undefined;
  /**
   * Whether each connection begins a session of its own (Clean Start). `false` keeps the session, and with it what is not
   * acknowledged; it needs a `clientId`, and on MQTT 5 a `sessionExpiryInterval` in the `properties`. Default `true`.
   */
  readonly clean?: boolean | undefined;
  /**
   * After how many seconds without a message a ping is sent; 0 for none. A connection that is dead is noticed after one and a half
   * times as long. Default 60. A broker on MQTT 5 may ask for another number, which then holds.
   */
  readonly keepalive?: number | undefined;
  /** How long to wait for the CONNACK, and for `refreshCredentials`, in milliseconds. Default 30 000. */
  readonly connectTimeout?: number | undefined;
  /** A fixed delay before a connection is made again, in milliseconds; 0 for not at all. Default: what `reconnect` says. */
  readonly reconnectPeriod?: number | undefined;
  /** Default: what the `url` has, or none. */
  readonly username?: string | undefined;
  /** Default: what the `url` has, or none. It does not show in errors and logs. */
  readonly password?: IClientOptions['password'] | undefined;
  /**
   * The properties of the CONNECT (MQTT 5): `sessionExpiryInterval` in seconds (default 0: the session ends with the connection),
   * `receiveMaximum` (default: the server's `concurrency`), `maximumPacketSize` in bytes (default: no limit), and the rest of section 3.1.2.11.
   */
  readonly properties?: IClientOptions['properties'] | undefined;
  /** What the broker publishes when the connection is lost. Default: that of `presence`, or nothing. */
  readonly will?: IClientOptions['will'] | undefined;
  /** Several brokers, tried in turn, one with each attempt. Default: the `url` alone. */
  readonly servers?: IClientOptions['servers'] | undefined;
  /** The broker's host. Default: that of the `url`. */
  readonly host?: string | undefined;
  /** The broker's port. Default: that of the `url`. */
  readonly port?: number | undefined;
  /** How to reach the broker: `mqtt`, `mqtts`, `ws`, `wss`, and so on. Default: that of the `url`. */
  readonly protocol?: IClientOptions['protocol'] | undefined;
  /** Whether QoS 0 messages wait for a connection; if not, they fail without one. Default `true`. */
  readonly queueQoSZero?: boolean | undefined;
  /** The name that the broker's certificate is to have (TLS). Default: the host of the `url`. */
  readonly servername?: string | undefined;
  /** Whether the broker's certificate must be from an authority that is trusted (TLS). Default `true`; `false` is for tests. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Of a WebSocket: `headers`, an `agent` for a proxy, and what else the package `ws` takes. Default: none. */
  readonly wsOptions?: IClientOptions['wsOptions'] | undefined;
  /** A SOCKS proxy, such as `socks5://localhost:1080`. Default: none. */
  readonly socksProxy?: string | undefined;
}
