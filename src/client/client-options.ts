import type { Deserializer, Serializer } from '@nestjs/microservices';
import type { Codec } from '../codec/codec.js';
import type { MqttConnectionOptions } from '../connection/connection-options.js';

/** The options of {@link ClientMqtt}: those of MQTT.js, of Nest's transporter, and what the client adds to them. */
export interface ClientMqttOptions extends MqttConnectionOptions {
  /** How payloads are written and replies read. Default `autoCodec`. */
  readonly codec?: Codec | undefined;
  /**
   * Where this client's replies arrive: one subscription, made with the first request. `{clientId}` stands for its
   * Client Identifier. Default `clients/{clientId}/replies`, which a broker's access control can keep to one client.
   */
  readonly replyTopic?: string | undefined;
  /**
   * `nest` speaks to a service on Nest's built-in transporter: events in its envelope, replies on `<topic>/reply`.
   * Default `mqtt`: the data as it is, and requests that any MQTT 5 peer can answer; on MQTT 3.1.1 requests are Nest's
   * envelope with the reply topic in it.
   */
  readonly wireFormat?: 'mqtt' | 'nest' | undefined;
  /** Sent with each message (MQTT 5); those of a record take precedence. */
  readonly userProperties?: Readonly<Record<string, string | string[]>> | undefined;
  /** Takes the place of the codec: is given `{ pattern, data, id? }`, and returns the payload. */
  readonly serializer?: Serializer | undefined;
  /**
   * Takes the place of the codec for replies: is given the payload, parsed if it is JSON; returns `{ response,
   * isDisposed, err, id }`. On MQTT 5 the Correlation Data is the `id`.
   */
  readonly deserializer?: Deserializer | undefined;
}
