import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP listener on the loopback address. */
export interface Listener {
  readonly port: number;
  /** Closes every connection without a word. */
  destroySockets(): void;
  /** Takes no more connections; resolves when the last one is closed. */
  close(): Promise<unknown>;
}

/** @param port 0 for a free one */
export async function serve(handle: (socket: Socket) => void, port: number): Promise<Listener> {
  const sockets = new Set<Socket>();
  // without noDelay a small packet may wait 40 ms for the TCP acknowledgement of the one before
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    handle(socket);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    destroySockets: () => sockets.forEach((socket) => socket.destroy()),
    close: () => once(server.close(), 'close'),
  };
}
