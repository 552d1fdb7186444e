import { RpcException, type Serializer } from '@nestjs/microservices';
import type { QoS } from 'mqtt-packet';
import type { Codec, EncodedPayload } from '../codec/codec.js';
import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import { replies } from '../diagnostics/reply-event.js';
import type { PublishReceipt } from '../connection/outgoing/outgoing-message.js';
import { PACKET_TOO_LARGE, TOPIC_NAME_INVALID } from '../connection/reason-code.js';
import { CodecError, describeError, PublishError } from '../errors.js';
import { encodeEnvelopeReply, toNestReply } from '../message/envelope.js';
import { encodeMqtt5Reply, responderProperty } from '../message/mqtt5-reply.js';
import { mergeUserProperties, type UserProperties } from '../message/user-properties.js';
import { unwrapRecord, type MqttRecordOptions, type PublishProperties } from '../message/mqtt-record.js';
import type { Reply } from '../message/reply.js';
import type { ReplyAddress } from './reply-address.js';

/**
 * Publishes one reply to one request, in the order of the calls. Resolves with `false` if the broker says that nobody
 * is subscribed to it.
 */
export type Answer = (reply: Reply) => Promise<boolean>;

type Publish = (
  topic: string,
  payload: Buffer | string,
  options: MqttRecordOptions,
) => Promise<PublishReceipt>;

interface ReplyPublication {
  readonly encoded: EncodedPayload;
  readonly userProperties?: UserProperties;
}

interface ResponderSettings {
  readonly publish: Publish;
  readonly serializer: Serializer | undefined;
  /** Sent with each reply. */
  readonly userProperties: UserProperties | undefined;
  /** Who answers. */
  readonly responderName: () => string;
  readonly connection: () => ConnectionIdentity;
}

/** Writes replies in the form in which the request asks for them. */
export class Responder {
  readonly #settings: ResponderSettings;

  constructor(settings: ResponderSettings) {
    this.#settings = settings;
  }

  /** @param requestQos replies have the QoS of the request, but not above 1, unless a record says otherwise */
  answer(address: ReplyAddress, requestQos: QoS, codec: Codec): Answer {
    const { serializer } = this.#settings;
    const qos = requestQos === 0 ? 0 : 1;
    if (serializer === undefined) {
      return (reply) => {
        const { value, options } = unwrap(reply);
        return this.#publishAll(this.#encode(value, address, codec), address, { qos, ...options });
      };
    }
    let previous: Promise<unknown> = Promise.resolve();
    return async (reply) => {
      const { value, options } = unwrap(reply);
      const encoding = previous.then(() => serialize(serializer, toNestReply(correlationOf(address), value)));
      previous = encoding.catch(() => undefined); // whoever awaits the reply hears of it
      return this.#publish({ encoded: { payload: await encoding } }, address, { qos, ...options });
    };
  }

  #encode(reply: Reply, address: ReplyAddress, codec: Codec): readonly ReplyPublication[] {
    if (address.form === 'mqtt5') return encodeMqtt5Reply(reply, codec);
    const responder = address.namesResponder ? this.#settings.responderName() : undefined;
    return [{ encoded: { payload: encodeEnvelopeReply(address.id, reply, responder) } }];
  }

  #publishAll(
    publications: readonly ReplyPublication[],
    address: ReplyAddress,
    options: MqttRecordOptions,
  ): Promise<boolean> {
    if (publications.length === 1) return this.#publish(publications[0]!, address, options);
    const publishing = publications.map((publication) => this.#publish(publication, address, options));
    return Promise.all(publishing).then((found) => found.every(Boolean));
  }

  async #publish(
    { encoded, userProperties }: ReplyPublication,
    address: ReplyAddress,
    options: MqttRecordOptions,
  ): Promise<boolean> {
    const { payload, ...format } = encoded;
    const properties: PublishProperties = format as PublishProperties;
    if (options.properties !== undefined) Object.assign(properties, options.properties);
    const given = this.#userProperties(address, options.properties?.userProperties, userProperties);
    if (given !== undefined) properties.userProperties = given;
    if (address.form === 'mqtt5' && address.correlationData !== undefined) {
      properties.correlationData = address.correlationData;
    }
    try {
      const receipt = await this.#settings.publish(address.topic, payload, { ...options, properties });
      if (replies.hasSubscribers) this.#tell(address, options);
      return !receipt.noMatchingSubscribers;
    } catch (error) {
      if (replies.hasSubscribers) this.#tell(address, options, error);
      if (isTooLarge(error)) throw new OversizedReply(error);
      throw isInvalid(error) ? error : new UndeliverableReply(error);
    }
  }

  #tell({ topic }: ReplyAddress, { qos = 0 }: MqttRecordOptions, error?: unknown): void {
    replies.publish({ connection: this.#settings.connection(), topic, qos, error });
  }

  #userProperties(
    address: ReplyAddress,
    ...given: readonly (UserProperties | undefined)[]
  ): UserProperties | undefined {
    const { userProperties, responderName } = this.#settings;
    const responder = address.namesResponder ? responderProperty(responderName()) : undefined;
    return mergeUserProperties(userProperties, ...given, responder);
  }
}

/** A reply apart from what a record says of how to publish it. */
function unwrap(reply: Reply): { readonly value: Reply; readonly options: MqttRecordOptions } {
  if (reply.kind !== 'value') return { value: reply, options: {} };
  const { data, options } = unwrapRecord(reply.value);
  return { value: data === reply.value ? reply : { ...reply, value: data }, options };
}

function correlationOf(address: ReplyAddress): string {
  return address.form === 'envelope' ? address.id : (address.correlationData?.toString() ?? '');
}

/** Whether it is this reply that cannot be published, with a record of the handler's, and another one may be. */
function isInvalid(error: unknown): boolean {
  return (
    error instanceof PublishError && error.reasonCode !== TOPIC_NAME_INVALID && error.cause === undefined
  );
}

function isTooLarge(error: unknown): boolean {
  return error instanceof PublishError && error.reasonCode === PACKET_TOO_LARGE && error.cause === undefined;
}

/** A reply that is larger than the broker takes: the requester may be told. */
class OversizedReply extends RpcException {
  override readonly cause: unknown;

  constructor(cause: unknown) {
    super({ status: 'error', message: "The reply is larger than the broker's Maximum Packet Size" });
    this.cause = cause;
  }
}

/** A reply that could not be published, as no other one could: not what the handler failed with. */
export class UndeliverableReply extends Error {
  constructor(cause: unknown) {
    super(describeError(cause), { cause });
  }
}

async function serialize(serializer: Serializer, reply: object): Promise<Buffer | string> {
  const payload: unknown = await serializer.serialize(reply);
  if (typeof payload === 'string' || payload instanceof Uint8Array) return payload as Buffer | string;
  throw new CodecError(`The serializer returned no payload (${typeof payload})`, 'serializer');
}
