import type { IClientPublishOptions } from 'mqtt';
import { connectDevice, type Device, type Received } from '../support/device.js';
import type { Program } from './program.js';

/** Whom an attack is on. */
export interface Target {
  readonly url: string;
  readonly protocolVersion: 4 | 5;
  readonly program: Program;
  /** How many messages there may be on each topic; what a message asks for may come after its attack has ended. */
  readonly expected: Map<string, number>;
}

/** A peer that may publish what it likes, and one that sees all that is published. */
export class Attacker implements AsyncDisposable {
  readonly #device: Device;
  readonly #spy: Device;

  private constructor(
    readonly target: Target,
    device: Device,
    spy: Device,
  ) {
    this.#device = device;
    this.#spy = spy;
  }

  static async start(target: Target): Promise<Attacker> {
    const { url, protocolVersion } = target;
    const device = await connectDevice(url, { protocolVersion });
    const spy = await connectDevice(url, { protocolVersion });
    await device.subscribe('devices/#');
    await spy.subscribe('#');
    return new Attacker(target, device, spy);
  }

  get device(): Device {
    return this.#device;
  }

  get spy(): Device {
    return this.#spy;
  }

  /** A message is meant to be published there. */
  expect(...topics: readonly string[]): void {
    const { expected } = this.target;
    for (const topic of topics) expected.set(topic, (expected.get(topic) ?? 0) + 1);
  }

  /** Any number of messages are. */
  allow(...topics: readonly string[]): void {
    for (const topic of topics) this.target.expected.set(topic, Infinity);
  }

  /** The topics on which more was published than anybody asked for. */
  unexpected(): string[] {
    const counts = new Map<string, number>();
    for (const { topic } of this.#spy.received) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    const { expected } = this.target;
    const topics = [...counts].filter(([topic, count]) => count > (expected.get(topic) ?? 0));
    return topics.map(([topic, count]) => `${topic.slice(0, 200)} (${count})`);
  }

  async publish(topic: string, payload: string | Buffer, options: IClientPublishOptions = {}): Promise<void> {
    this.expect(topic);
    await this.#device.publish(topic, payload, { qos: 1, ...options });
  }

  /** From a connection of its own, which the broker may close over it, and which is closed then. */
  async publishAsVisitor(topic: string, payload: string, options: IClientPublishOptions = {}): Promise<void> {
    this.expect(topic);
    const { url, protocolVersion } = this.target;
    await using visitor = await connectDevice(url, { protocolVersion });
    await Promise.race([visitor.publish(topic, payload, options), visitor.closed]);
  }

  /** @param json the data, as it is to be on the wire */
  async request(topic: string, json: string, replyTopic: string, id = '1'): Promise<void> {
    this.expect(replyTopic);
    const { payload, options } = toRequest(this.target.protocolVersion, topic, json, replyTopic, id);
    await this.publish(topic, payload, options);
  }

  /** Tells the responders that a request is not waited for. */
  async cancel(replyTopic: string, id: string): Promise<void> {
    const properties = { responseTopic: replyTopic, correlationData: Buffer.from(id) };
    if (this.target.protocolVersion === 5) await this.publish('clients/x/cancellations', '', { properties });
    else await this.publish('clients/x/cancellations', JSON.stringify({ id, replyTo: replyTopic }));
  }

  /** @param more whether it says that there is more to come */
  async reply(to: ReplyAddress, json: string, more = false): Promise<void> {
    const { topic, id } = to;
    const properties = {
      correlationData: Buffer.from(id),
      ...(more && { userProperties: { 'nest-reply': 'next' } }),
    };
    const envelope = `{"id":${JSON.stringify(id)},"response":${json},"isDisposed":${!more}}`;
    if (this.target.protocolVersion === 5) await this.publish(topic, json, { properties });
    else await this.publish(topic, envelope);
  }

  /** The request of our client that comes next. */
  async nextRequest(): Promise<ReplyAddress> {
    const request = await this.#device.next('devices/ask');
    this.expect('devices/ask');
    return addressOf(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#device[Symbol.asyncDispose]();
    await this.#spy[Symbol.asyncDispose]();
  }
}

/** Where and with which id a request is answered. */
export interface ReplyAddress {
  readonly topic: string;
  readonly id: string;
}

export function toRequest(
  protocolVersion: 4 | 5,
  topic: string,
  json: string,
  replyTopic: string,
  id: string,
): { readonly payload: string; readonly options: IClientPublishOptions } {
  const properties = { responseTopic: replyTopic, correlationData: Buffer.from(id) };
  if (protocolVersion === 5) return { payload: json, options: { properties } };
  const [pattern, quotedId, replyTo] = [topic, id, replyTopic].map((text) => JSON.stringify(text));
  return {
    payload: `{"pattern":${pattern},"data":${json},"id":${quotedId},"replyTo":${replyTo}}`,
    options: {},
  };
}

function addressOf({ payload, packet: { properties } }: Received): ReplyAddress {
  if (properties?.responseTopic !== undefined)
    return { topic: properties.responseTopic, id: String(properties.correlationData) };
  const { id, replyTo } = JSON.parse(payload.toString()) as { id: string; replyTo: string };
  return { id, topic: replyTo };
}
