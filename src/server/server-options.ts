import type { Deserializer, Serializer } from '@nestjs/microservices';
import type { QoS } from 'mqtt-packet';
import type { MqttConnectionOptions } from '../connection/connection-options.js';
import type { MqttHandlerOptions } from './handler-options.js';

/** The options of {@link ServerMqtt}: those of MQTT.js, of Nest's transporter, and the defaults of all handlers. */
export interface ServerMqttOptions extends MqttConnectionOptions, MqttHandlerOptions {
  /**
   * Which handlers are bound to this server: those that name the same transport, or none. Default `Transport.MQTT`;
   * give each broker of a hybrid application a symbol of its own.
   */
  readonly transportId?: symbol | undefined;
  /** Nest's name for the defaults of `qos`, `noLocal`, `retainAsPublished` and `retainHandling`, which precede it. */
  readonly subscribeOptions?:
    { readonly qos?: QoS; readonly nl?: boolean; readonly rap?: boolean; readonly rh?: number } | undefined;
  /** Sent with each reply (MQTT 5). */
  readonly userProperties?: Readonly<Record<string, string | string[]>> | undefined;
  /**
   * Takes the place of the codec for replies: is given `{ id, response, isDisposed, err }`, and returns the payload.
   */
  readonly serializer?: Serializer | undefined;
  /**
   * Takes the place of the codec for messages: is given the payload, parsed if it is JSON, and `{ channel: topic }`;
   * returns `{ data }` for an event and `{ data, id }` for a request.
   */
  readonly deserializer?: Deserializer | undefined;
}
