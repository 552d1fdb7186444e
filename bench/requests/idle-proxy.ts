import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';

type Callback = (packet: WritePacket) => void;

/** The least that a client proxy can do: it keeps the callbacks of requests that it does not send. */
export class IdleProxy extends ClientProxy {
  readonly #callbacks = new Map<number, Callback>();
  #requests = 0;

  override connect(): Promise<void> {
    return Promise.resolve();
  }

  override close(): void {
    this.#callbacks.clear();
  }

  override unwrap<T>(): T {
    return undefined as T;
  }

  protected override publish(_packet: ReadPacket, callback: Callback): () => void {
    const id = this.#requests++;
    this.#callbacks.set(id, callback);
    return () => this.#callbacks.delete(id);
  }

  protected override dispatchEvent(): Promise<never> {
    return Promise.reject(new Error('This proxy has no events'));
  }
}
