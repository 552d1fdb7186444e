import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.js';
import { mosquittoProgram } from '../../support/mosquitto-program.js';
import { startMosquitto } from '../../support/mosquitto.js';
import type { InteropBroker } from '../profile.js';
import { createCertificate } from './certificate.js';

export const mosquittoVersion =
  mosquittoProgram &&
  /mosquitto version (\S+)/.exec(spawnSync(mosquittoProgram, ['-h']).stdout.toString())?.[1];

/** A mosquitto with a listener for each transport, and the dynamic-security plugin, which refuses `denied/#`. */
export async function startSecureMosquitto(): Promise<InteropBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'interop-mosquitto-'));
  const { ca, cert, key } = await createCertificate(folder);
  const [tls, ws] = [await freePort(), await freePort()];
  const config = [
    `listener ${tls} 127.0.0.1`,
    `certfile ${cert}`,
    `keyfile ${key}`,
    `listener ${ws} 127.0.0.1`,
    'protocol websockets',
  ];
  const broker = await startMosquitto({ denied: true, persistence: true, config });
  return {
    url: broker.url,
    tlsUrl: `mqtts://127.0.0.1:${tls}`,
    ca,
    wsUrl: `ws://127.0.0.1:${ws}`,
    restart: () => broker.restart(),
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
