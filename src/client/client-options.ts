import type { Deserializer, Serializer } from '@nestjs/microservices';
import type { Codec } from '../codec/codec.js';
import type { SharedConnectionOption } from '../connection/connection-for.js';
import type { MqttConnectionOptions } from '../connection/connection-options.js';

/** The options of {@link ClientMqtt}: those of MQTT.js, of Nest's transporter, and what the client adds to them. */
export interface ClientMqttOptions extends MqttConnectionOptions, SharedConnectionOption {
  /** How payloads are written and replies read. Default `autoCodec`. */
  readonly codec?: Codec | undefined;
  /**
   * Where this client's replies arrive: one subscription, made with the first request. `{clientId}` stands for its
   * Client Identifier. Default `clients/{clientId}/replies`, which a broker's access control can keep to one client.
   */
  readonly replyTopic?: string | undefined;
  /**
   * How long `send` waits for the first reply and, in a stream, for each further one, in milliseconds; 0 for ever. The
   * clock starts when the request is made, connected or not. Default 30 000. `setTimeoutMs` of a record takes precedence. On
   * MQTT 5 the Message Expiry Interval of the request is the same, rounded up to seconds.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Where this client says that it no longer waits for a reply: the same as on the servers. `{clientId}` stands for its
   * Client Identifier. Default `clients/{clientId}/cancellations`; `false` tells nobody.
   */
  readonly cancelTopic?: string | false | undefined;
  /**
   * `nest` speaks to a service on Nest's built-in transporter: events in its envelope, replies on `<topic>/reply`.
   * Default `mqtt`: the data as it is, and requests that any MQTT 5 peer can answer; on MQTT 3.1.1 requests are Nest's
   * envelope with the reply topic in it.
   */
  readonly wireFormat?: 'mqtt' | 'nest' | undefined;
  /** User Properties that are sent with each message (MQTT 5); those of a record take precedence. Default: none. */
  readonly userProperties?: Readonly<Record<string, string | string[]>> | undefined;
  /** Nest's: takes the place of the codec. It is given `{ pattern, data, id? }`, and returns the payload. Default: the codec. */
  readonly serializer?: Serializer | undefined;
  /**
   * Nest's: takes the place of the codec for replies. It is given the payload, parsed if it is JSON; returns `{ response,
   * isDisposed, err, id }`. On MQTT 5 the Correlation Data is the `id`. Default: the codec.
   */
  readonly deserializer?: Deserializer | undefined;
}

/** How long {@link ClientMqtt.sendToMany} collects replies. */
export interface SendToManyOptions {
  /** How many responders to wait for. Default: all who answer in time. */
  readonly max?: number | undefined;
  /** From the request on, for all of them together, in milliseconds. Default: that of the record, or the client's. */
  readonly timeoutMs?: number | undefined;
}

type OwnOption = Exclude<keyof ClientMqttOptions, keyof MqttConnectionOptions>;

/** Those that do not concern the connection. */
export const OWN_OPTIONS: Readonly<Record<OwnOption, true>> = {
  connection: true,
  codec: true,
  replyTopic: true,
  timeoutMs: true,
  cancelTopic: true,
  wireFormat: true,
  userProperties: true,
  serializer: true,
  deserializer: true,
};
