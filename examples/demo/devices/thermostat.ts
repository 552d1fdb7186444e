import type { IPublishPacket, MqttClient } from 'mqtt';
import type { BrokerAddress } from '../broker.js';
import { journal } from '../journal.js';
import { scoped } from '../scoped.js';
import { connectDevice } from './connect-device.js';

/** Answers requests, displays announcements, and has left a Will with the broker. */
export class Thermostat {
  readonly #client: MqttClient;
  readonly #name: string;
  readonly #modeTopic: string;
  readonly #announcements = scoped('announcements');

  private constructor(client: MqttClient, name: string) {
    this.#client = client;
    this.#name = `thermostat ${name}`;
    this.#modeTopic = scoped(`thermostats/${name}/mode`);
    client.on('message', (topic, payload, packet) => {
      if (topic === this.#modeTopic) this.#answer(payload, packet);
      else journal.note(this.#name, 'displays', topic, payload.toString());
    });
  }

  static async connect(broker: BrokerAddress, site: string, name: string): Promise<Thermostat> {
    const topic = scoped(`sites/${site}/alarms/thermostats/${name}`);
    const will = { topic, payload: `Lost thermostat ${name}`, qos: 1, retain: false } as const;
    const thermostat = new Thermostat(await connectDevice(broker, { will }), name);
    await thermostat.#subscribe();
    return thermostat;
  }

  /** Goes away without a word: it is the broker that publishes its Will. */
  vanish(): void {
    journal.note(this.#name, 'vanishes', '', 'without a DISCONNECT');
    this.#client.stream.destroy();
  }

  async #subscribe(): Promise<void> {
    await this.#client.subscribeAsync([this.#modeTopic, this.#announcements], { qos: 1 });
  }

  #answer(payload: Buffer, { properties }: IPublishPacket): void {
    const { responseTopic, correlationData } = properties ?? {};
    if (responseTopic === undefined) return this.#answerEnvelope(payload);
    const answer = `${payload.toString()} it is`;
    journal.note(this.#name, 'answers', this.#modeTopic, answer);
    this.#client.publish(responseTopic, answer, { properties: correlationData ? { correlationData } : {} });
  }

  /** MQTT 3.1.1 has no Response Topic: the request and its answer are Nest's envelopes. */
  #answerEnvelope(payload: Buffer): void {
    const { data, id, replyTo } = JSON.parse(payload.toString()) as Record<'data' | 'id' | 'replyTo', string>;
    const answer = `${data} it is`;
    journal.note(this.#name, 'answers', this.#modeTopic, answer);
    this.#client.publish(replyTo, JSON.stringify({ id, response: answer, isDisposed: true }));
  }
}
