import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type { Aedes } from 'aedes';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { createAedes } from '../../support/create-aedes.js';
import type { InteropBroker } from '../profile.js';
import { createCertificate } from './certificate.js';

export function aedesVersion(name: 'aedes' | 'aedes-mqtt5'): string {
  const description = readFileSync(join('node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(description) as { version: string }).version;
}

/** An Aedes in this process, with a server for each transport. It refuses passwords, and everything on `denied/#`. */
export async function startServedAedes(version: 4 | 5): Promise<InteropBroker> {
  let aedes = await startGuarded(version);
  const handle = (stream: Parameters<Aedes['handle']>[0]) => aedes.handle(stream);
  const { ca, key } = await createKeys();
  const tcp = createServer({ noDelay: true }, handle);
  const tls = createTlsServer({ cert: ca, key }, handle);
  const ws = createHttpServer();
  new WebSocketServer({ server: ws }).on('connection', (socket) => handle(createWebSocketStream(socket)));
  return {
    url: `mqtt://127.0.0.1:${await listen(tcp)}`,
    tlsUrl: `mqtts://127.0.0.1:${await listen(tls)}`,
    ca,
    wsUrl: `ws://127.0.0.1:${await listen(ws)}`,
    restart: async () => {
      const former = aedes;
      aedes = await startGuarded(version);
      await close(former);
    },
    [Symbol.asyncDispose]: async () => {
      await close(aedes);
      await Promise.all([tcp, tls, ws].map((server) => once(server.close(), 'close')));
    },
  };
}

async function startGuarded(version: 4 | 5): Promise<Aedes> {
  const aedes = await createAedes(version);
  const isDenied = (topic: string) => topic.startsWith('denied/');
  aedes.authenticate = (_client, _username, password, done) => done(null, password === undefined);
  aedes.authorizePublish = (_client, { topic }, done) => done(isDenied(topic) ? new Error('denied') : null);
  aedes.authorizeSubscribe = (_client, subscription, done) =>
    done(null, isDenied(subscription.topic) ? null : subscription);
  return aedes;
}

async function createKeys(): Promise<{ readonly ca: string; readonly key: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'interop-aedes-'));
  try {
    const { ca, key } = await createCertificate(folder);
    return { ca, key: await readFile(key) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

function close(aedes: Aedes): Promise<void> {
  return new Promise((resolve) => {
    aedes.close(resolve);
  });
}
