import type { Deserializer, Serializer, Transport } from '@nestjs/microservices';
import type { QoS } from 'mqtt-packet';
import type { SharedConnectionOption } from '../connection/connection-for.js';
import type { MqttConnectionOptions } from '../connection/connection-options.js';
import type { MessageOrder, MqttHandlerOptions } from './handler-options.js';

/** The options of {@link ServerMqtt}: those of MQTT.js, of Nest's transporter, and the defaults of all handlers. */
export interface ServerMqttOptions
  extends
    MqttConnectionOptions,
    SharedConnectionOption,
    Omit<MqttHandlerOptions, 'concurrency' | 'order' | 'dedupe'> {
  /**
   * Which handlers are bound to this server: those that name the same transport, or none. Default `Transport.MQTT`;
   * give each broker of a hybrid application a symbol of its own.
   */
  readonly transportId?: Transport | symbol | undefined;
  /** What `${name}` stands for in the patterns of handlers, such as a prefix from the application's configuration. Default: none. */
  readonly topicVariables?: Readonly<Record<string, string>> | undefined;
  /** Nest's name for the defaults of `qos`, `noLocal`, `retainAsPublished` and `retainHandling`, which precede it. Default: none. */
  readonly subscribeOptions?:
    { readonly qos?: QoS; readonly nl?: boolean; readonly rap?: boolean; readonly rh?: number } | undefined;
  /**
   * How many handlers run at once. Default 1000. On MQTT 5 it is the Receive Maximum too, unless `properties` has one, so that
   * the broker holds back what would wait here.
   */
  readonly concurrency?: number | undefined;
  /** See the option of handlers; named levels belong to one. Default `topic` for events, `none` for requests. */
  readonly order?: Exclude<MessageOrder, `{${string}}`> | undefined;
  /** How many QoS 0 messages may wait to be handled; beyond it the oldest is dropped, and reported. Default 10 000. */
  readonly maxQueued?: number | undefined;
  /** How long `close()` waits for handlers to end, in milliseconds. Default 10 000. */
  readonly drainTimeoutMs?: number | undefined;
  /** Topic Filters that the code no longer has, but a kept session may: unsubscribed from at start. Default: none. */
  readonly retiredFilters?: readonly string[] | undefined;
  /**
   * Where requesters may ask for their replies: Topic Filters, or a function. Requests that ask for them elsewhere are not
   * run. Default: everywhere but on topics that begin with `$`.
   */
  readonly allowResponseTopic?: string | readonly string[] | ((topic: string) => boolean) | undefined;
  /** How long a Response Topic may be, in bytes. Default 1024. */
  readonly maxResponseTopicLength?: number | undefined;
  /**
   * Where requesters say that they no longer wait for a reply: the same as on the clients, with `+` for `{clientId}`. A server
   * with message handlers subscribes to it. Default `clients/{clientId}/cancellations`; `false` for none.
   */
  readonly cancelTopic?: string | false | undefined;
  /** What `sendToMany` of a client calls this service. Default: its Client Identifier. */
  readonly responderName?: string | undefined;
  /** User Properties that are sent with each reply (MQTT 5). Default: none. */
  readonly userProperties?: Readonly<Record<string, string | string[]>> | undefined;
  /**
   * Nest's: takes the place of the codec for replies. It is given `{ id, response, isDisposed, err }`, and returns the payload. Default: the codec.
   */
  readonly serializer?: Serializer | undefined;
  /**
   * Nest's: takes the place of the codec for messages. It is given the payload, parsed if it is JSON, and `{ channel: topic }`;
   * returns `{ data }` for an event and `{ data, id }` for a request. Default: the codec.
   */
  readonly deserializer?: Deserializer | undefined;
}

type OwnOption = Exclude<keyof ServerMqttOptions, keyof MqttConnectionOptions>;

/** Those that do not concern the connection. */
export const OWN_OPTIONS: Readonly<Record<OwnOption, true>> = {
  connection: true,
  transportId: true,
  topicVariables: true,
  subscribeOptions: true,
  concurrency: true,
  order: true,
  maxQueued: true,
  drainTimeoutMs: true,
  retiredFilters: true,
  allowResponseTopic: true,
  maxResponseTopicLength: true,
  cancelTopic: true,
  responderName: true,
  userProperties: true,
  serializer: true,
  deserializer: true,
  qos: true,
  noLocal: true,
  retainAsPublished: true,
  retainHandling: true,
  shared: true,
  codec: true,
  ack: true,
  retry: true,
  deadLetter: true,
  onFailure: true,
};
