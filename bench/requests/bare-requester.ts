import { connectAsync, type MqttClient } from 'mqtt';
import type { Sum } from './protocol.js';
import type { Requester } from './requester.js';
import { setNoDelay } from './set-no-delay.js';

type Callback = (reply: Sum) => void;

/** What one would write with MQTT.js alone: a reply topic, and callbacks by their Correlation Data. */
export class BareRequester implements Requester {
  readonly client: MqttClient;
  readonly recover = undefined;
  readonly #replyTopic: string;
  readonly #callbacks = new Map<string, Callback>();
  #requests = 0;

  private constructor(client: MqttClient) {
    this.client = client;
    this.#replyTopic = `replies/${client.options.clientId}`;
  }

  static async connect(url: string): Promise<BareRequester> {
    const client = await connectAsync(url, { protocolVersion: 5 });
    setNoDelay(client);
    const requester = new BareRequester(client);
    client.on('message', (_topic, payload, { properties }) => {
      requester.#take(String(properties?.correlationData), payload);
    });
    await client.subscribeAsync(requester.#replyTopic);
    return requester;
  }

  request(topic: string): Promise<Sum> {
    return new Promise((resolve) => this.#send(topic, resolve));
  }

  leavePending(topic: string, requests: number): () => void {
    const ids = Array.from({ length: requests }, () => this.#send(topic, () => undefined));
    return () => {
      for (const id of ids.splice(0)) this.#callbacks.delete(id);
    };
  }

  #send(topic: string, callback: Callback): string {
    const id = String(this.#requests++);
    this.#callbacks.set(id, callback);
    const properties = { responseTopic: this.#replyTopic, correlationData: Buffer.from(id) };
    this.client.publish(topic, JSON.stringify({ numbers: [1, 2] }), { properties });
    return id;
  }

  #take(id: string, payload: Buffer): void {
    const callback = this.#callbacks.get(id);
    this.#callbacks.delete(id);
    callback?.(JSON.parse(payload.toString()) as Sum);
  }
}
