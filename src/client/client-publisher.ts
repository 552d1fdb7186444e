import type { BrokerConnection } from '../connection/broker-connection.js';
import type { PublishReceipt } from '../connection/outgoing/outgoing-message.js';
import type { MqttRecordOptions, PublishProperties } from '../message/mqtt-record.js';
import { mergeUserProperties } from '../message/user-properties.js';
import type { ClientMqttOptions } from './client-options.js';
import type { OutboundPublication } from './request-dialect.js';

/** Publishes with the User Properties of the client, those of the call, and those of the record, which take precedence. */
export class ClientPublisher {
  readonly #connection: BrokerConnection;
  readonly #userProperties: ClientMqttOptions['userProperties'];

  constructor(connection: BrokerConnection, userProperties: ClientMqttOptions['userProperties']) {
    this.#connection = connection;
    this.#userProperties = userProperties;
  }

  publish(
    topic: string,
    { payload, properties }: OutboundPublication,
    options: MqttRecordOptions,
  ): Promise<PublishReceipt> {
    return this.#connection.publish(topic, payload, {
      ...options,
      properties: this.#merge(properties, options),
    });
  }

  /** A record cannot redirect the replies. */
  #merge(own: PublishProperties = {}, { properties: given }: MqttRecordOptions): PublishProperties {
    if (given === undefined && this.#userProperties === undefined) return own;
    const { responseTopic, correlationData } = own;
    const userProperties = mergeUserProperties(
      this.#userProperties,
      own.userProperties,
      given?.userProperties,
    );
    return {
      ...own,
      ...given,
      ...(responseTopic !== undefined && { responseTopic }),
      ...(correlationData !== undefined && { correlationData }),
      ...(userProperties !== undefined && { userProperties }),
    };
  }
}
