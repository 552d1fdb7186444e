import type { IClientOptions } from 'mqtt';
import type { ClientMqtt, ClientMqttOptions, ServerMqttOptions } from '../../src/index.js';
import { connectDevice, type Device } from '../support/device.js';
import { startApp, type App, type AppSetup } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import type { InteropBroker } from './profile.js';

export interface ServiceSetup extends Omit<AppSetup, 'server'> {
  readonly server?: ServerMqttOptions;
}

let scenes = 0;

/** Where a feature is tried: a broker, a version of MQTT, and topics that nobody else uses. */
export class Scene {
  /** The first levels of every topic of this scene. */
  readonly topic = `interop/${process.pid}/${++scenes}`;
  /** For Client Identifiers and names of groups. */
  readonly id = `interop-${process.pid}-${scenes}`;

  constructor(
    readonly broker: InteropBroker,
    readonly protocolVersion: 4 | 5,
  ) {}

  /** A Nest microservice with our server. */
  startService({ server, ...setup }: ServiceSetup): Promise<App> {
    const { url } = this.broker;
    const { protocolVersion } = this;
    return startApp({ ...setup, server: { url, protocolVersion, reconnectPeriod: 100, ...server } });
  }

  /** The options of a service whose session the broker keeps. */
  keptSession(name: string): ServerMqttOptions {
    return {
      clientId: `${this.id}-${name}`,
      clean: false,
      drainTimeoutMs: 50,
      ...(this.protocolVersion === 5 && { properties: { sessionExpiryInterval: 600 } }),
    };
  }

  startClient({ url = this.broker.url, ...options }: ClientMqttOptions = {}): Promise<
    ClientMqtt & AsyncDisposable
  > {
    return startClient(url, { protocolVersion: this.protocolVersion, reconnectPeriod: 100, ...options });
  }

  connectDevice(options: IClientOptions = {}, url = this.broker.url): Promise<Device> {
    return connectDevice(url, { protocolVersion: this.protocolVersion, ...options });
  }
}
