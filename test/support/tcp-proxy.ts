import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type Direction = 'toBroker' | 'toClient';

/** A piece of the stream, as the proxy read it: it may hold several packets, or a part of one. */
export interface Chunk {
  readonly direction: Direction;
  /** Which connection, counted from 1. */
  readonly connection: number;
  /** `performance.now()` when it came. */
  readonly atMs: number;
  readonly bytes: Buffer;
}

/** Stands between clients and a broker, passes on what they say, and breaks when it is told to. */
export class TcpProxy implements AsyncDisposable {
  /** What came from either side so far, in order; a paused direction is not read. */
  readonly chunks: Chunk[] = [];
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #sources: Record<Direction, Set<Socket>> = { toBroker: new Set(), toClient: new Set() };
  readonly #paused = new Set<Direction>();
  #refusing = false;
  #connectionCount = 0;
  #bytesToCut = Infinity;

  constructor(readonly brokerPort: number) {}

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections passed on so far; refused ones do not count. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Resets every connection, on both sides. */
  cut(): void {
    DIRECTIONS.forEach((direction) => this.#sources[direction].forEach(reset));
  }

  /** Resets every connection when `bytes` more have been passed on, in the middle of a packet if it so happens. */
  cutAfter(bytes: number): void {
    this.#bytesToCut = bytes;
  }

  /** Stops passing on, in one direction or both, while the connections stay: a network that stalls. */
  pause(...directions: readonly Direction[]): void {
    for (const direction of orBoth(directions)) {
      this.#paused.add(direction);
      this.#sources[direction].forEach((socket) => socket.pause());
    }
  }

  /** Passes on again, first of all what has waited. */
  resume(...directions: readonly Direction[]): void {
    for (const direction of orBoth(directions)) {
      this.#paused.delete(direction);
      this.#sources[direction].forEach((socket) => socket.resume());
    }
  }

  /** Resets new connections as they come; those that are there stay. */
  refuseConnections(): void {
    this.#refusing = true;
  }

  acceptConnections(): void {
    this.#refusing = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server.close(), 'close');
    this.cut();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    this.#connectionCount += 1;
    const broker = connect({ port: this.brokerPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay();
    this.#pass(client, broker, 'toBroker', this.#connectionCount);
    this.#pass(broker, client, 'toClient', this.#connectionCount);
  }

  #pass(from: Socket, to: Socket, direction: Direction, connection: number): void {
    const sources = this.#sources[direction].add(from);
    from.on('data', (data) => {
      const bytes = data.subarray(0, this.#bytesToCut);
      this.chunks.push({ direction, connection, atMs: performance.now(), bytes });
      this.#bytesToCut -= bytes.length;
      if (this.#bytesToCut > 0) to.write(bytes);
      else {
        this.#bytesToCut = Infinity;
        to.write(bytes, () => this.cut());
      }
    });
    if (this.#paused.has(direction)) from.pause();
    from.on('end', () => to.end());
    from.on('error', () => reset(to));
    from.on('close', () => {
      sources.delete(from);
      to.destroySoon();
    });
  }
}

/** Starts a proxy on a free port of the loopback address, in front of the broker. */
export async function startTcpProxy(broker: { readonly port: number }): Promise<TcpProxy> {
  const proxy = new TcpProxy(broker.port);
  await proxy.listen();
  return proxy;
}

/** Node 20 never ends, in its clean-up at exit, if a socket is reset that is being shut down. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

const DIRECTIONS: readonly Direction[] = ['toBroker', 'toClient'];

function orBoth(directions: readonly Direction[]): readonly Direction[] {
  return directions.length === 0 ? DIRECTIONS : directions;
}
