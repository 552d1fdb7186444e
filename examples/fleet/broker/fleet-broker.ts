import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Aedes } from 'aedes-mqtt5';
import { createWebSocketStream, WebSocketServer } from 'ws';

/** Where the WebSockets are, on the server of the page: the page may connect to where it comes from, and nowhere else. */
const WEB_SOCKET_PATH = '/mqtt';

/** An Aedes in this process: MQTT 5 over TCP for devices and the service, over WebSockets for browsers. */
export class FleetBroker {
  readonly #aedes: Aedes;
  readonly #tcp: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  #publishedCount = 0;
  #acceptsWebSockets = true;

  private constructor(aedes: Aedes, tcp: Server) {
    this.#aedes = aedes;
    this.#tcp = tcp;
    aedes.on('publish', (_, client) => {
      if (client !== null) this.#publishedCount += 1; // else it is the broker's own
    });
    this.#webSockets.on('connection', (socket) => {
      aedes.handle(createWebSocketStream(socket));
    });
  }

  /** Listens on a free port of the loopback address. */
  static async start(): Promise<FleetBroker> {
    const aedes = await Aedes.createBroker();
    // Without noDelay a small packet may wait 40 ms for the acknowledgement of the one before.
    const tcp = createServer({ noDelay: true }, aedes.handle).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    return new FleetBroker(aedes, tcp);
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#tcp.address() as AddressInfo).port}`;
  }

  get clientCount(): number {
    return this.#aedes.connectedClients;
  }

  /** How many messages clients have published so far. */
  get publishedCount(): number {
    return this.#publishedCount;
  }

  acceptWebSockets(server: HttpServer): void {
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== WEB_SOCKET_PATH || !this.#acceptsWebSockets) socket.destroy();
      else {
        this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
          this.#webSockets.emit('connection', webSocket, request);
        });
      }
    });
  }

  /** From now on: the server of the page does not close before its connections. */
  refuseWebSockets(): void {
    this.#acceptsWebSockets = false;
    for (const webSocket of this.#webSockets.clients) webSocket.terminate();
  }

  async close(): Promise<void> {
    const closed = once(this.#tcp.close(), 'close');
    await new Promise<void>((resolve) => {
      this.#aedes.close(resolve);
    });
    await closed;
  }
}
