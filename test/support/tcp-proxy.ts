import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { TcpFlow } from './tcp-flow.js';

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

export interface TcpProxySetup {
  /** Keeps what it passes on in `chunks`; default true. */
  readonly records?: boolean;
}

/** Stands between clients and a broker, passes on what they say, and breaks when it is told to. */
export class TcpProxy implements AsyncDisposable {
  /** What came from either side so far, in order; a paused direction is not read. */
  readonly chunks: Chunk[] = [];
  // a FIN is passed on by itself, and not answered by the proxy
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  readonly #flows: Record<Direction, Set<TcpFlow>> = { toBroker: new Set(), toClient: new Set() };
  readonly #paused = new Set<Direction>();
  readonly #delaysMs: Record<Direction, number> = { toBroker: 0, toClient: 0 };
  readonly #records: boolean;
  #refusing = false;
  #connectionCount = 0;
  #bytesToCut = Infinity;

  constructor(
    readonly brokerPort: number,
    { records = true }: TcpProxySetup = {},
  ) {
    this.#records = records;
  }

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

  /** Connections that are open now, on either side: they differ while an end has not been passed on. */
  get openCount(): { readonly clients: number; readonly broker: number } {
    return { clients: this.#flows.toBroker.size, broker: this.#flows.toClient.size };
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Resets every connection, on both sides. */
  cut(): void {
    this.#each(DIRECTIONS, (flow) => flow.cut());
  }

  /** Resets every connection when `bytes` more have been passed on, in the middle of a packet if it so happens. */
  cutAfter(bytes: number): void {
    this.#bytesToCut = bytes;
  }

  /** Stops passing on, in one direction or both, while the connections stay: a network that stalls. */
  pause(...directions: readonly Direction[]): void {
    for (const direction of orBoth(directions)) this.#paused.add(direction);
    this.#each(orBoth(directions), (flow) => flow.pause());
  }

  /** Passes on again, first of all what has waited. */
  resume(...directions: readonly Direction[]): void {
    for (const direction of orBoth(directions)) this.#paused.delete(direction);
    this.#each(orBoth(directions), (flow) => flow.resume());
  }

  /** Connections that come from now on are not paused; those that are there stay so until `resume()`. */
  passNew(): void {
    this.#paused.clear();
  }

  /** Passes on later what comes from now on, in one direction or both: a slow network. */
  delay(delayMs: number, ...directions: readonly Direction[]): void {
    for (const direction of orBoth(directions)) this.#delaysMs[direction] = delayMs;
    this.#each(orBoth(directions), (flow) => flow.delay(delayMs));
  }

  /** Ends one direction of every connection with a FIN, and drops what still comes in it; the other one stays. */
  halfClose(direction: Direction): void {
    this.#each([direction], (flow) => flow.end());
  }

  /** Every connection passes on nothing any more, not even its end, while new ones are as ever: a router that was restarted. */
  forget(): void {
    this.#each(DIRECTIONS, (flow) => flow.forget());
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
    const options = { port: this.brokerPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true };
    const broker = connect(options);
    this.#pass(client, broker, 'toBroker', this.#connectionCount);
    this.#pass(broker, client, 'toClient', this.#connectionCount);
  }

  #pass(from: Socket, to: Socket, direction: Direction, connection: number): void {
    const flow = new TcpFlow(from, to, {
      onData: (data) => this.#take(data, direction, connection),
      onClose: () => this.#flows[direction].delete(flow),
    });
    this.#flows[direction].add(flow);
    flow.delay(this.#delaysMs[direction]);
    if (this.#paused.has(direction)) flow.pause();
  }

  #take(data: Buffer, direction: Direction, connection: number) {
    const bytes = data.subarray(0, this.#bytesToCut);
    if (this.#records) this.chunks.push({ direction, connection, atMs: performance.now(), bytes });
    this.#bytesToCut -= bytes.length;
    if (this.#bytesToCut > 0) return { bytes };
    this.#bytesToCut = Infinity;
    return { bytes, onWritten: () => this.cut() };
  }

  #each(directions: readonly Direction[], act: (flow: TcpFlow) => void): void {
    for (const direction of directions) this.#flows[direction].forEach(act);
  }
}

/** Starts a proxy on a free port of the loopback address, in front of the broker. */
export async function startTcpProxy(
  broker: { readonly port: number },
  setup: TcpProxySetup = {},
): Promise<TcpProxy> {
  const proxy = new TcpProxy(broker.port, setup);
  await proxy.listen();
  return proxy;
}

const DIRECTIONS: readonly Direction[] = ['toBroker', 'toClient'];

function orBoth(directions: readonly Direction[]): readonly Direction[] {
  return directions.length === 0 ? DIRECTIONS : directions;
}
