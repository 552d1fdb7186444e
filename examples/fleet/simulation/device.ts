import type { Socket } from 'node:net';
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';

/** What a device says of itself, retained. */
export interface About {
  readonly name: string;
  readonly kind: 'ferry' | 'tug' | 'pilot' | 'coaster' | 'buoy' | 'mast' | 'gauge' | 'crane' | 'customs';
  /** Metres from the north-west corner of the map. */
  readonly x: number;
  readonly y: number;
}

/** Publishes below the device's topic; while there is no connection it does nothing, and is `false`. */
export type Publish = (name: string, payload: string | Buffer, qos?: 0 | 1) => boolean;

/** What makes a device what it is. */
export interface Behaviour {
  readonly periodMs: number;
  /** What it can be asked to do, and what it answers. */
  readonly commands: Readonly<Record<string, () => object>>;
  /** Whether its radio reaches the broker. Default: it does. */
  readonly inRange?: boolean;
  /** Another period has passed. */
  tick(publish: Publish): void;
}

/** A plain MQTT.js client, which knows nothing of Nest. */
export class Device {
  readonly #url: string;
  readonly #topic: string;
  readonly #about: About;
  readonly #behaviour: Behaviour;
  /** How many messages it has published to each topic, so that a receiver can tell when some are missing. */
  readonly #counts = new Map<string, number>();
  readonly #startedAt = performance.now();
  #client: MqttClient | 'connecting' | undefined;
  #timer: NodeJS.Timeout | undefined;
  #powered = true;

  constructor(
    url: string,
    readonly id: string,
    about: About,
    behaviour: Behaviour,
  ) {
    this.#url = url;
    this.#topic = `harbour/${id}`;
    this.#about = about;
    this.#behaviour = behaviour;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), this.#behaviour.periodMs);
    this.#tick();
  }

  /** Cuts or restores the power of its radio. */
  power(on: boolean): void {
    this.#powered = on;
    this.#connectOrVanish();
  }

  /** Says goodbye, unlike one that vanishes. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#powered = false;
    if (typeof this.#client !== 'object') return;
    await this.#client.publishAsync(`${this.#topic}/presence`, 'offline', { qos: 1, retain: true });
    await this.#client.endAsync();
  }

  publish(name: string, payload: string | Buffer, qos: 0 | 1 = 0): boolean {
    if (typeof this.#client !== 'object' || !this.#client.connected || !this.#inRange) return false;
    const number = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, number);
    const userProperties = {
      number: String(number),
      sent: String(performance.timeOrigin + performance.now()),
    };
    this.#client.publish(`${this.#topic}/${name}`, payload, { qos, properties: { userProperties } });
    return true;
  }

  get #inRange(): boolean {
    return this.#behaviour.inRange ?? true;
  }

  #tick(): void {
    this.#behaviour.tick((name, payload, qos) => this.publish(name, payload, qos));
    this.#connectOrVanish();
  }

  #connectOrVanish(): void {
    const wanted = this.#powered && this.#inRange;
    if (wanted && this.#client === undefined) void this.#connect();
    else if (!wanted && typeof this.#client === 'object') this.#client.stream.destroy(); // no DISCONNECT: its Will says it
  }

  async #connect(): Promise<void> {
    this.#client = 'connecting';
    try {
      const client = await connectAsync(this.#url, this.#options(), false);
      (client.stream as Socket).setNoDelay(true); // else a message may wait 40 ms for the acknowledgement of the one before
      client.on('error', () => undefined); // a `close` follows
      client.on('close', () => this.#onClose(client));
      client.on('message', (_, payload, packet) => this.#answer(client, payload.toString(), packet));
      this.#client = client;
      await this.#introduce(client);
    } catch {
      if (this.#client === 'connecting') this.#client = undefined; // the next tick tries again
    }
  }

  #options(): IClientOptions {
    const will = {
      topic: `${this.#topic}/presence`,
      payload: Buffer.from('offline'),
      qos: 1,
      retain: true,
    } as const;
    return { protocolVersion: 5, reconnectPeriod: 0, clientId: this.id, will };
  }

  async #introduce(client: MqttClient): Promise<void> {
    const retained = { qos: 1, retain: true } as const;
    await client.subscribeAsync(`${this.#topic}/commands`, { qos: 1 });
    await client.publishAsync(`${this.#topic}/about`, this.#describe(), retained);
    await client.publishAsync(`${this.#topic}/presence`, 'online', retained);
  }

  #onClose(client: MqttClient): void {
    client.end(true);
    this.#client = undefined;
  }

  #describe(): string {
    return JSON.stringify({ ...this.#about, commands: ['report', ...Object.keys(this.#behaviour.commands)] });
  }

  /** As MQTT 5 means requests: to the Response Topic, with the Correlation Data. */
  #answer(client: MqttClient, command: string, { properties }: IPublishPacket): void {
    const { responseTopic, correlationData } = properties ?? {};
    if (responseTopic === undefined) return;
    const answer = JSON.stringify(this.#obey(command));
    client.publish(responseTopic, answer, {
      qos: 1,
      properties: correlationData ? { correlationData } : {},
    });
  }

  #obey(command: string): object {
    const obey = this.#behaviour.commands[command];
    if (obey !== undefined) return obey();
    if (command !== 'report') return { error: `${this.#about.name} does not know "${command}"` };
    const published = [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
    return { upSeconds: Math.round((performance.now() - this.#startedAt) / 1000), published };
  }
}
