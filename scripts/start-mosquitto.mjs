import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** Starts the mosquitto of this machine on a free port of the loopback address; resolves when it listens. */
export async function startMosquitto() {
  const port = await freePort();
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };
  const child = spawn('mosquitto', ['-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'], env });
  process.once('exit', () => child.kill());
  const ended = once(child, 'exit');
  const running = new Promise((resolve) => {
    createInterface(child.stderr).on('line', (line) => line.endsWith(' running') && resolve(true));
  });
  if (!(await Promise.race([running, ended.then(() => false, missing)])))
    throw new Error(`mosquitto ended at once (exit code ${child.exitCode})`);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    close: async () => {
      child.kill();
      await ended;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await once(server.close(), 'close');
  return port;
}

function missing(cause) {
  throw new Error('This example needs mosquitto, or --url with a broker that has Shared Subscriptions', {
    cause,
  });
}
