import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findExecutable } from '../../support/find-executable.js';
import type { Recipe, Place, Program } from './program-broker.js';

export const natsProgram = findExecutable('nats-server') ?? 'nats-server';
export const natsVersion = versionOf(natsProgram);

/** An MQTT listener of NATS is either plain or TLS: two servers. */
export const nats: Recipe = {
  name: 'nats',
  wsPath: '/mqtt',
  configure: async (place) => {
    const { mqtt, tls, ws } = place.ports;
    const { cert, key } = place.certificate;
    const [client = 0, tlsClient = 0] = place.spare;
    return [
      await server(place, 'plain', [
        `listen: "127.0.0.1:${client}"`,
        `mqtt { listen: "127.0.0.1:${mqtt}", ack_wait: "1s" }`, // before it delivers again
        `websocket { listen: "127.0.0.1:${ws}", no_tls: true }`,
      ]),
      await server(place, 'tls', [
        `listen: "127.0.0.1:${tlsClient}"`,
        `mqtt { listen: "127.0.0.1:${tls}", tls { cert_file: "${cert}", key_file: "${key}" } }`,
      ]),
    ];
  },
};

async function server({ folder }: Place, name: string, lines: readonly string[]): Promise<Program> {
  const path = join(folder, `${name}.conf`);
  const common = [
    `server_name: ${name}`,
    `jetstream { store_dir: "${join(folder, name)}", max_mem: 64MB, max_file: 256MB }`,
    'no_auth_user: anybody',
    'authorization { users: [ { user: anybody, password: "", permissions: {',
    '  publish: { deny: ["denied.>"] }, subscribe: { deny: ["denied.>"] } } } ] }',
  ];
  await writeFile(path, [...common, ...lines].join('\n'));
  return { path: natsProgram, args: ['-c', path] };
}

function versionOf(program: string): string | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /: v(\S+)/.exec(stdout ?? '')?.[1];
}
