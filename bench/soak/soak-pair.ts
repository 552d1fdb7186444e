import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientMqtt, ServerMqtt } from 'nestjs-mqtt';
import { countListeners } from './count-listeners.js';
import { createSoakController } from './soak-controller.js';
import { SoakLoad } from './soak-load.js';
import type { Tally } from './tally.js';

/** A service and a client with one version of MQTT, in this process. */
export class SoakPair {
  readonly load: SoakLoad;
  readonly #server: ServerMqtt;
  readonly #client: ClientMqtt;
  readonly #tally: Tally;

  private constructor(server: ServerMqtt, client: ClientMqtt, load: SoakLoad, tally: Tally) {
    this.#server = server;
    this.#client = client;
    this.load = load;
    this.#tally = tally;
  }

  static async start(url: string, protocolVersion: 4 | 5, tally: Tally): Promise<SoakPair> {
    const prefix = `v${protocolVersion}`;
    const options = {
      url,
      protocolVersion,
      reconnect: { initialMs: 20, maxMs: 200 },
      limits: { receiveMaximum: 20 }, // mosquitto 2.0.11 loses QoS 2 messages beyond that, on 3.1.1
    };
    const properties = protocolVersion === 5 ? { sessionExpiryInterval: 3600 } : undefined;
    const server = new ServerMqtt({ ...options, clientId: `${prefix}-service`, clean: false, properties });
    const client = new ClientMqtt({ ...options, maxConnectionAttempts: -1, timeoutMs: 1000 });
    const guest = new ClientMqtt({ ...options, wireFormat: 'nest', timeoutMs: 1000 });
    for (const connected of [server, client, guest]) connected.on('connect', () => tally.add('connections'));
    await listen(server, prefix, tally);
    await client.connect();
    return new SoakPair(server, client, new SoakLoad(client, guest, prefix, tally), tally);
  }

  /** Resolves when it is connected, and no message has come for a while. */
  async rest(): Promise<void> {
    await this.load.settle();
    let before: string;
    do {
      before = JSON.stringify(this.#tally);
      await this.load.settle();
      await new Promise((resolve) => setTimeout(resolve, 100));
      await this.load.settle();
    } while (JSON.stringify(this.#tally) !== before);
  }

  /** Of the clients of MQTT.js, and of their streams. */
  get listeners(): number {
    const clients = [this.#server, this.#client].map((connected) => connected.unwrap());
    const emitters = clients.flatMap((client) => [client, client.stream]);
    return emitters.reduce((total, emitter) => total + countListeners(emitter), 0);
  }
}

async function listen(strategy: ServerMqtt, prefix: string, tally: Tally): Promise<void> {
  @Module({ controllers: [createSoakController(prefix, tally)] })
  class SoakModule {}
  const app = await NestFactory.createMicroservice(SoakModule, { strategy, logger: false });
  await app.listen();
}
