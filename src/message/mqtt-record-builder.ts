import type { QoS } from 'mqtt-packet';
import { ConfigurationError } from '../errors.js';
import { mergeUserProperties } from './user-properties.js';
import { MqttRecord, type MqttRecordOptions, type PublishProperties } from './mqtt-record.js';

/**
 * Builds an {@link MqttRecord} step by step. Properties are sent on MQTT 5 only.
 *
 * @example
 * new MqttRecordBuilder({ target: 21 }).setQoS(1).setMessageExpiry(60).setUserProperty('tenant', 'acme').build()
 */
export class MqttRecordBuilder<TData = unknown> {
  #data: TData | undefined;
  #options: MqttRecordOptions = {};

  /** @param data what the message carries, encoded by the codec of whoever publishes it */
  constructor(data?: TData) {
    this.#data = data;
  }

  /** The data, in the place of what was given before. */
  setData(data: TData): this {
    this.#data = data;
    return this;
  }

  /**
   * How often the message may arrive: 0 at most once (the default), 1 at least once, 2 exactly once.
   * @throws {ConfigurationError} if it is not 0, 1 or 2
   */
  setQoS(qos: QoS): this {
    if (![0, 1, 2].includes(qos))
      throw new ConfigurationError(`The QoS must be 0, 1 or 2, not ${String(qos)}`);
    return this.#set({ qos });
  }

  /** Whether the broker keeps the message for later subscribers. Without this it does not. */
  setRetain(retain = true): this {
    return this.#set({ retain });
  }

  /** The DUP flag. The protocol sets it on what is sent again; there is hardly ever a reason to. */
  setDup(dup = true): this {
    return this.#set({ dup });
  }

  /** A MIME type. By default the codec's own: `application/json`, `text/plain` or `application/octet-stream`. */
  setContentType(contentType: string): this {
    return this.setProperties({ contentType });
  }

  /** Seconds after which the broker may drop the message if it has not yet been delivered. */
  setMessageExpiry(expirySeconds: number): this {
    return this.setProperties({ messageExpiryInterval: expirySeconds });
  }

  /** Adds a User Property; several values give the property several times. */
  setUserProperty(name: string, value: string | string[]): this {
    return this.setProperties({ userProperties: { [name]: value } });
  }

  /**
   * For `send`: how long to wait for the first reply and, in a stream, for each further one, in milliseconds; 0 for ever.
   * @throws {ConfigurationError} if it is no number from 0 up
   */
  setTimeoutMs(timeoutMs: number): this {
    if (!(timeoutMs >= 0))
      throw new ConfigurationError(`The timeout must be 0 ms or more, not ${String(timeoutMs)}`);
    return this.#set({ timeoutMs });
  }

  /** Where a peer is to answer. `send` sets its own. */
  setResponseTopic(responseTopic: string): this {
    return this.setProperties({ responseTopic });
  }

  /** Registers the Topic Alias with this message; the broker's Topic Alias Maximum is the highest one. */
  setTopicAlias(topicAlias: number): this {
    return this.setProperties({ topicAlias });
  }

  /** Adds raw properties to those that are set. */
  setProperties(properties: PublishProperties): this {
    const previous = this.#options.properties;
    const userProperties = mergeUserProperties(previous?.userProperties, properties.userProperties);
    return this.#set({
      properties: { ...previous, ...properties, ...(userProperties !== undefined && { userProperties }) },
    });
  }

  /** The record, which what follows does not change. */
  build(): MqttRecord<TData> {
    return new MqttRecord(this.#data as TData, this.#options);
  }

  #set(options: MqttRecordOptions): this {
    this.#options = { ...this.#options, ...options };
    return this;
  }
}
