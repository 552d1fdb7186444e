import { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';
import { ConfigurationError } from '../errors.js';
import type { BackOff } from './back-off.js';

interface Settings {
  /** The delays, `undefined` if there is but one attempt. */
  readonly backOff: BackOff | undefined;
  /** Called when an attempt fails before there is a stream, whose end the client would tell. */
  readonly onFailed: (error: Error) => void;
}

/** Makes MQTT.js connect: once at once, and again after the delays of the back-off. */
export class ConnectionAttempts {
  readonly #client: MqttClient;
  readonly #settings: Settings;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

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
    await Promise.resolve(); // whoever starts this can keep it first
    if (this.#ended) return;
    try {
      connect();
      setNoDelay(this.#client);
    } catch (cause) {
      const { message } = cause as Error;
      this.#settings.onFailed(new ConfigurationError(`MQTT.js cannot connect: ${message}`, { cause }));
    }
  }
}

/** With the stores that it has: else MQTT.js forgets what is not acknowledged. */
function reconnect(client: MqttClient): void {
  client.reconnect({ incomingStore: client.incomingStore, outgoingStore: client.outgoingStore });
}

/** MQTT.js leaves Nagle's algorithm on, which costs concurrent requests a quarter of their rate or more. */
function setNoDelay({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
}
