import type { MqttConnection } from '../connection/mqtt-connection.js';
import type { PublishReceipt } from '../connection/publisher.js';
import type { MqttRecordOptions } from '../message/mqtt-record.js';
import type { ClientMqttOptions } from './client-options.js';
import type { OutboundPublication } from './request-dialect.js';

/** Publishes with the User Properties of the client, those of the call, and those of the record, which take precedence. */
export class ClientPublisher {
  readonly #connection: MqttConnection;
  readonly #userProperties: ClientMqttOptions['userProperties'];

  constructor(connection: MqttConnection, userProperties: ClientMqttOptions['userProperties']) {
    this.#connection = connection;
    this.#userProperties = userProperties;
  }

  /** A record cannot redirect the replies. */
  publish(
    topic: string,
    { payload, properties }: OutboundPublication,
    options: MqttRecordOptions,
  ): Promise<PublishReceipt> {
    const userProperties = {
      ...this.#userProperties,
      ...properties?.userProperties,
      ...options.properties?.userProperties,
    };
    const { responseTopic, correlationData } = properties ?? {};
    return this.#connection.publish(topic, payload, {
      ...options,
      properties: {
        ...properties,
        ...options.properties,
        ...(responseTopic !== undefined && { responseTopic }),
        ...(correlationData !== undefined && { correlationData }),
        userProperties,
      },
    });
  }
}
