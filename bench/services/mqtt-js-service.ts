import { connectAsync, type MqttClient } from 'mqtt';
import { patternsOf } from './patterns-of.js';
import type { Handle, Service, ServiceSettings } from './service.js';

/** What one would write with MQTT.js alone. */
export class MqttJsService implements Service {
  readonly #settings: ServiceSettings;
  readonly #handle: Handle;
  #client: MqttClient | undefined;

  constructor(settings: ServiceSettings, handle: Handle) {
    this.#settings = settings;
    this.#handle = handle;
  }

  get client(): MqttClient {
    return this.#client!;
  }

  async listen(): Promise<void> {
    const { url, protocolVersion } = this.#settings;
    this.#client = await connectAsync(url, { protocolVersion });
    this.#client.on('message', (_topic, payload) => this.#handle(JSON.parse(payload.toString())));
    const filters = patternsOf(this.#settings, '+').map(({ pattern }) => pattern);
    await this.#client.subscribeAsync(filters, { qos: 2 });
  }
}
