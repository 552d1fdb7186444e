import { AsyncResource } from 'node:async_hooks';
import { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';
import { ConfigurationError } from '../errors.js';
import { BackOff } from './back-off.js';
import { describeBroker, type MqttConnectionOptions } from './connection-options.js';
import { createPreparation } from './prepare-attempt.js';

interface Settings {
  /** The broker's, for messages. */
  readonly address: string;
  /** The delays, `undefined` if there is but one attempt. */
  readonly backOff: BackOff | undefined;
  /** What precedes each attempt; the attempt fails with it. */
  readonly prepare: () => Promise<void>;
  /** Called when an attempt fails before there is a stream, whose end MQTT.js would tell. */
  readonly onFailed: (error: Error) => void;
}

/**
 * Where nobody's asynchronous context is: what comes in on a connection does not belong to whoever made it be opened, such as an HTTP
 * request with its trace.
 */
const NOBODY = new AsyncResource('MqttConnection');

/** Makes MQTT.js connect: once at once, and again after the delays of the back-off. */
export class ConnectionAttempts {
  readonly #client: MqttClient;
  readonly #settings: Settings;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  static from(
    client: MqttClient,
    options: MqttConnectionOptions,
    onFailed: (error: Error) => void,
  ): ConnectionAttempts {
    return new ConnectionAttempts(client, {
      address: describeBroker(options),
      backOff: BackOff.from(options),
      prepare: createPreparation(client, options),
      onFailed,
    });
  }

  constructor(client: MqttClient, settings: Settings) {
    this.#client = client;
    this.#settings = settings;
    client.on('reconnect', () => clearTimeout(this.#timer)); // by whomever
  }

  /** Whether there is another one after one that failed. */
  get goOn(): boolean {
    return this.#settings.backOff !== undefined;
  }

  /** The first one, at once. */
  start(): void {
    void this.#attempt(() => this.#client.connect()); // reports by itself
  }

  /** Another one, after a delay, unless somebody ended the client, or makes it connect by himself, by `unwrap()`. */
  next(): void {
    if (this.#client.disconnecting) return;
    const delayMs = this.#settings.backOff?.next();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#attempt(() => reconnect(this.#client)), delayMs);
  }

  noteReady(): void {
    this.#settings.backOff?.noteReady();
  }

  /** No more of them. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #attempt(connect: () => void): Promise<void> {
    try {
      await this.#settings.prepare();
      if (this.#ended || this.#client.connected) return; // meanwhile
      this.#connect(connect);
    } catch (error) {
      if (!this.#ended) this.#settings.onFailed(error as Error);
    }
  }

  #connect(connect: () => void): void {
    try {
      NOBODY.runInAsyncScope(connect);
    } catch (cause) {
      const { message } = cause as Error;
      throw new ConfigurationError(`Cannot connect to ${this.#settings.address}: ${message}`, { cause });
    }
    prepare(this.#client);
    tellErrors(this.#client);
  }
}

/** With the stores that it has: else MQTT.js forgets what is not acknowledged. */
function reconnect(client: MqttClient): void {
  client.reconnect({ incomingStore: client.incomingStore, outgoingStore: client.outgoingStore });
}

/** MQTT.js tells the errors of a stream only if they have a code, which those of a WebSocket have not. */
function tellErrors(client: MqttClient): void {
  client.stream.on('error', (error: Error) => {
    if (!('code' in error)) client.emit('error', error);
  });
}

/**
 * MQTT.js leaves Nagle's algorithm on, which costs concurrent requests a quarter of their rate or more; and it adds a listener for each
 * message that waits for a slow connection, of which Node warns.
 */
function prepare({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
  stream.setMaxListeners(0);
}
