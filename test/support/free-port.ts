import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A TCP port on the loopback address on which nobody listens. It lies below the range from which the system takes
 * the ports of outgoing connections, so that a broker finds its port still free when it restarts.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (await canListen(port)) return port;
  }
  throw new Error('No free TCP port found between 15000 and 30000');
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await once(server.close(), 'close');
  return true;
}
