import { setTimeout as delay } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';

const TOPICS = 20;
const WITHHELD = 3;
const PACKET_IDENTIFIERS = 65_535;
const WINDOW = 200;

/** A plain client of MQTT.js, that sends the events of one version of MQTT, and receives what comes back. */
export class SoakDevice implements AsyncDisposable {
  readonly #client: MqttClient;
  readonly #prefix: string;
  #withheld = 0;

  private constructor(client: MqttClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
    client.on('error', () => undefined); // while the broker is restarted
  }

  static async connect(url: string, protocolVersion: 4 | 5): Promise<SoakDevice> {
    const prefix = `v${protocolVersion}`;
    const client = await connectAsync(url, { protocolVersion, reconnectPeriod: 50 });
    const device = new SoakDevice(client, prefix);
    await client.subscribeAsync([`${prefix}/down/#`, `${prefix}/dead-letters`], { qos: 2 });
    return device;
  }

  /** Uses each Packet Identifier once: what is kept by them grows until then. */
  async warmUp(): Promise<void> {
    let remaining = PACKET_IDENTIFIERS;
    const publish = async () => {
      while (remaining-- > 0) await this.#publish('fine/0', '{}', 1);
    };
    await Promise.all(Array.from({ length: WINDOW }, publish));
  }

  async run(durationMs: number): Promise<void> {
    const until = performance.now() + durationMs;
    for (let n = 0; n < WITHHELD; n++) await this.#publish('withheld', `message ${this.#withheld++}`, 1);
    for (let n = 0; performance.now() < until; n++) {
      const kind = n % 10 === 0 ? 'broken' : 'fine';
      await this.#publish(`${kind}/${n % TOPICS}`, JSON.stringify({ n }), (n % 3) as 0 | 1 | 2);
      await delay(1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.endAsync(true);
  }

  /** MQTT.js gives up what it is given while it connects again, if that fails. */
  async #publish(name: string, payload: string, qos: 0 | 1 | 2): Promise<void> {
    await this.#client.publishAsync(`${this.#prefix}/up/${name}`, payload, { qos }).catch(() => undefined);
  }
}
