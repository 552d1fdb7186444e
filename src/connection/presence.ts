import type { LoggerService } from '@nestjs/common';
import type { MqttClient } from 'mqtt';
import { autoCodec } from '../codec/auto-codec.js';
import type { EncodedPayload } from '../codec/codec.js';
import { ConfigurationError, describeError, PublishError } from '../errors.js';
import type { MqttRecordOptions, PublishProperties } from '../message/mqtt-record.js';
import { topicNameProblem } from '../topic/topic-name.js';
import { withClientId } from '../topic/with-client-id.js';
import type { PublishOptions } from './outgoing/outgoing-message.js';
import type { Publisher } from './outgoing/publisher.js';
import type { Session } from './session.js';

/** How others learn whether this server or client is connected: by a retained message. */
export interface PresenceOptions {
  /** Where the message is. `{clientId}` in it stands for the Client Identifier. */
  readonly topic: string;
  /** What it says when connected and subscribed: encoded as `emit` does. Default `'online'`. */
  readonly online?: unknown;
  /** What it says after `close()`, and, by the Will, when the connection was lost in any other way. Default `'offline'`. */
  readonly offline?: unknown;
  /** The QoS of all of them. Default 1. */
  readonly qos?: 0 | 1 | 2 | undefined;
}

interface Settings {
  readonly presence?: PresenceOptions | undefined;
  readonly will?: unknown;
  readonly clientId?: string | undefined;
}

type Publish = (topic: string, payload: Buffer | string, options: MqttRecordOptions) => Promise<unknown>;

interface Message {
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly qos: 0 | 1 | 2;
  readonly retain: true;
  readonly properties: PublishProperties;
}

const MAX_WILL_BYTES = 65_535;
/**
 * Some brokers close the connection over a message that they do not allow, with or without a word. After so many sessions in a row
 * that ended so soon after it was said that the client is online, it is not said in the next one.
 */
const MAX_STRIKES = 3;
const STRIKE_MS = 1000;

/** Says that this client is online, with each session, and offline, at its end; when it is lost, its Will does. */
export class Presence {
  readonly #topic: string;
  readonly #qos: 0 | 1 | 2;
  readonly #online: EncodedPayload;
  readonly #offline: EncodedPayload;
  readonly #publish: Publish;
  readonly #logger: LoggerService;
  /** The latest session that was ready, and whether it was said in it that the client is online. */
  #session: Session | undefined;
  #isOnline = false;
  #strikes = 0;

  /**
   * `undefined` if nobody wants it.
   * @throws {ConfigurationError}
   */
  static from(settings: Settings, publish: Publish, logger: LoggerService): Presence | undefined {
    const { presence } = settings;
    if (presence === undefined) return undefined;
    checkPresence(presence, settings);
    return new Presence(presence, publish, logger);
  }

  private constructor(
    { topic, qos = 1, online = 'online', offline = 'offline' }: PresenceOptions,
    publish: Publish,
    logger: LoggerService,
  ) {
    this.#topic = topic;
    this.#qos = qos;
    this.#online = encode('online', online);
    this.#offline = encode('offline', offline);
    this.#publish = publish;
    this.#logger = logger;
  }

  /** For the CONNECT. */
  will(clientId: string): Message {
    return this.#message(this.#offline, clientId);
  }

  comeOnline(client: MqttClient, session: Session): void {
    this.#session = session;
    this.#isOnline = this.#strikes < MAX_STRIKES;
    if (this.#isOnline) {
      this.#watch(client, session);
      void this.#announce(session); // reports by itself
    } else this.#strikes = 0; // once more with the next one
  }

  /**
   * Before the DISCONNECT, with which the broker forgets the Will: as the last message, whose acknowledgement is waited for; if it does
   * not come in time, the connection is broken off, with the Will.
   */
  goOffline(client: MqttClient, session: Session | undefined, publisher: Publisher): void {
    const isReady = session !== undefined && session === this.#session;
    this.#session = undefined;
    if (!client.connected) return;
    if (!isReady)
      client.stream.destroy(); // an earlier message may say that it is online: the Will says it is not
    else if (this.#isOnline) {
      const { topic, payload, ...record } = this.#message(this.#offline, session.clientId);
      const options: PublishOptions = { ...record, transient: true };
      // what the broker does not take was reported when it was to be online
      publisher.publishLast(client, topic, payload, options).catch(() => undefined);
    }
  }

  async #announce({ clientId }: Session): Promise<void> {
    const { topic, payload, ...record } = this.#message(this.#online, clientId);
    const options: PublishOptions = { ...record, transient: true };
    try {
      await this.#publish(topic, payload, options);
    } catch (error) {
      if (!(error instanceof PublishError)) return; // the connection was lost: the Will says it
      this.#strikes = MAX_STRIKES;
      this.#logger.error(`Presence is not announced: ${describeError(error)}`);
    }
  }

  #watch(client: MqttClient, session: Session): void {
    const since = performance.now();
    client.once('close', () => {
      const wasLost = this.#session === session;
      this.#strikes = wasLost && performance.now() - since < STRIKE_MS ? this.#strikes + 1 : 0;
    });
  }

  #message({ payload, ...properties }: EncodedPayload, clientId: string): Message {
    const topic = withClientId(this.#topic, clientId);
    return { topic, payload, qos: this.#qos, retain: true, properties: properties as PublishProperties };
  }
}

function checkPresence({ topic, qos = 1 }: PresenceOptions, { will, clientId }: Settings): void {
  if (will !== undefined)
    throw new ConfigurationError('presence is a Will, and a client has one alone: there is a will already');
  const problem = topicNameProblem(topic);
  if (problem !== undefined)
    throw new ConfigurationError(`The presence topic "${topic}" is invalid: ${problem}`);
  if (clientId === '' && topic.includes('{clientId}'))
    throw new ConfigurationError('The presence topic has a {clientId}, and the clientId is empty');
  if (![0, 1, 2].includes(qos))
    throw new ConfigurationError(`presence.qos must be 0, 1 or 2, not ${String(qos)}`);
}

function encode(name: 'online' | 'offline', value: unknown): EncodedPayload {
  try {
    const encoded = autoCodec.encode(value);
    if (Buffer.byteLength(encoded.payload) <= MAX_WILL_BYTES) return encoded;
  } catch (cause) {
    throw new ConfigurationError(`presence.${name}: ${describeError(cause)}`, { cause });
  }
  throw new ConfigurationError(`presence.${name} is longer than a Will may be, ${MAX_WILL_BYTES} bytes`);
}
