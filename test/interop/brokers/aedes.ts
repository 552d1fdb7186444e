import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { startAedes, type AedesBroker } from '../../support/aedes-broker.js';
import type { InteropBroker } from '../profile.js';
import { createCertificate } from './certificate.js';

type AedesPackage = 'aedes' | 'aedes-mqtt5';

export function aedesVersion(name: AedesPackage): string {
  const { version } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/** An Aedes in this process with a server for each transport, which refuses `denied/#` and passwords. */
export async function startServedAedes(version: 4 | 5): Promise<InteropBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'interop-aedes-'));
  const { ca, cert, key } = await createCertificate(folder);
  const allowed = (topic: string) => !topic.startsWith('denied/');
  const start = (port = 0): Promise<AedesBroker> =>
    startAedes({
      version,
      port,
      authorizePublish: allowed,
      authorizeSubscribe: allowed,
      authenticate: (_username, password) => password === undefined,
    });
  let current = await start();
  const handle = (stream: Parameters<AedesBroker['broker']['handle']>[0]) => current.broker.handle(stream);
  const tls = createTlsServer({ cert: await readFile(cert), key: await readFile(key) }, handle);
  const ws = createHttpServer();
  new WebSocketServer({ server: ws }).on('connection', (socket) => handle(createWebSocketStream(socket)));
  await rm(folder, { recursive: true, force: true });
  return {
    url: current.url,
    tlsUrl: `mqtts://127.0.0.1:${await listen(tls)}`,
    ca,
    wsUrl: `ws://127.0.0.1:${await listen(ws)}`,
    restart: async () => {
      await current[Symbol.asyncDispose]();
      current = await start(current.port);
    },
    [Symbol.asyncDispose]: async () => {
      await current[Symbol.asyncDispose]();
      await Promise.all([tls, ws].map((server) => once(server.close(), 'close')));
    },
  };
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
