import { Socket } from 'node:net';
import {
  connectAsync,
  type IClientOptions,
  type IClientPublishOptions,
  type IClientSubscribeOptions,
  type IPublishPacket,
  type ISubscriptionGrant,
  type MqttClient,
  type Packet,
} from 'mqtt';
import { until } from './until.js';

export interface Received {
  readonly topic: string;
  readonly payload: Buffer;
  readonly packet: IPublishPacket;
}

export interface NextOptions {
  readonly deadlineMs?: number;
}

/** The topics of `fence`, whose messages are not listed as received. */
export const FENCE_TOPICS = 'fence/';

/** A plain MQTT.js client, as a device would use it, that knows nothing of Nest. */
export class Device implements AsyncDisposable {
  /** Resolves when the connection closes for the first time, whoever closes it. */
  readonly closed: Promise<void>;
  readonly #received: Received[] = [];
  readonly #taken = new Set<Received>();

  constructor(readonly client: MqttClient) {
    this.closed = new Promise((resolve) => {
      client.once('close', resolve);
    });
    client.on('message', (topic, payload, packet) => {
      if (!topic.startsWith(FENCE_TOPICS)) this.#received.push({ topic, payload, packet });
    });
    // a connection that breaks later is the test's business, and would else be an uncaught exception
    client.on('error', () => undefined);
  }

  /** Everything received, in order, whether `next` has returned it or not. */
  get received(): readonly Received[] {
    return this.#received;
  }

  /** Resolves when the broker has acknowledged, with its acknowledgement; QoS 0 by default. */
  publish(
    topic: string,
    payload: string | Buffer,
    options: IClientPublishOptions = {},
  ): Promise<Packet | undefined> {
    return this.client.publishAsync(topic, payload, options);
  }

  /** Resolves with what the broker granted, rejects if it refused; QoS 1 by default. */
  subscribe(filter: string, options: Partial<IClientSubscribeOptions> = {}): Promise<ISubscriptionGrant[]> {
    return this.client.subscribeAsync(filter, { qos: 1, ...options });
  }

  /**
   * The oldest message that no `next` has returned yet and whose topic is `which` or that `which` accepts.
   * Rejects after `deadlineMs`, 5000 by default.
   */
  async next(
    which: string | ((message: Received) => boolean) = () => true,
    options: NextOptions = {},
  ): Promise<Received> {
    const wanted = typeof which === 'string' ? ({ topic }: Received) => topic === which : which;
    const find = () => this.#received.find((message) => !this.#taken.has(message) && wanted(message));
    const message = await until(find, { ...options, message: () => this.#awaited(which) });
    this.#taken.add(message);
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }

  #awaited(which: unknown): string {
    const topics = this.#received.map(({ topic }) => topic).join(', ') || 'nothing';
    return `a message${typeof which === 'string' ? ` on "${which}"` : ''} (received so far: ${topics})`;
  }
}

/** Connects a device with MQTT 3.1.1 by default; it does not connect again when the connection breaks, unless told to. */
export async function connectDevice(url: string, options: IClientOptions = {}): Promise<Device> {
  const client = await connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0, ...options }, false);
  // else a small packet may wait 40 ms for the TCP acknowledgement of the one before
  if (client.stream instanceof Socket) client.stream.setNoDelay();
  return new Device(client);
}
