import type { ClientProxy } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import { firstValueFrom } from 'rxjs';
import type { Sum } from './protocol.js';
import type { Requester } from './requester.js';

/** Whatever events and states it has. */
type AnyProxy = Pick<ClientProxy, 'close' | 'connect' | 'send' | 'unwrap'>;

interface Settings {
  /** Whether it has to be closed at times, and connects again with the next request. */
  readonly losesRequests: boolean;
}

/** Asks through a client proxy of Nest's, as an application does. */
export class ProxyRequester implements Requester {
  readonly #proxy: AnyProxy;
  readonly client: MqttClient | undefined;
  readonly recover: (() => Promise<void>) | undefined;

  private constructor(proxy: AnyProxy, losesRequests: boolean) {
    this.#proxy = proxy;
    this.recover = losesRequests ? async () => void (await proxy.close()) : undefined;
    this.client = proxy.unwrap<MqttClient | undefined>();
  }

  static async connect(proxy: AnyProxy, { losesRequests }: Settings): Promise<ProxyRequester> {
    await proxy.connect();
    return new ProxyRequester(proxy, losesRequests);
  }

  request(topic: string): Promise<Sum> {
    return firstValueFrom(this.#proxy.send<Sum>(topic, { numbers: [1, 2] }));
  }

  leavePending(topic: string, requests: number): () => void {
    const subscriptions = Array.from({ length: requests }, () =>
      this.#proxy.send<Sum>(topic, { numbers: [1, 2] }).subscribe(),
    );
    return () => {
      for (const subscription of subscriptions.splice(0)) subscription.unsubscribe();
    };
  }
}
