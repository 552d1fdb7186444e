import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Certificate } from './certificates.js';

export type ListenerKind = 'mqtts' | 'ws' | 'wss' | 'mqtt+unix';

export interface TlsSetup extends Certificate {
  /** The certificate of the authority of clients, as PEM: with it they need a certificate from there. */
  readonly clientCa?: string;
}

/** What a listener listens on: a port, or a path. */
export type Addresses = Readonly<Record<ListenerKind, number | string>>;

export interface MosquittoSetup {
  /** Refuses subscriptions and publishes on `denied/#`, which takes the dynamic-security plugin: an ACL file grants them. */
  readonly denied?: boolean;
  /** Keeps sessions and retained messages over `restart()`; after `kill9()` only what `save()` has written. */
  readonly persistence?: boolean;
  /** User names and passwords; with some, nobody connects without. */
  readonly users?: Readonly<Record<string, string>>;
  /** Listeners beside the plain one, one of each kind; `Mosquitto.urlOf` tells where. */
  readonly listeners?: readonly ListenerKind[];
  /** Of listeners with TLS. */
  readonly tls?: TlsSetup;
  /** Further lines of mosquitto.conf. */
  readonly config?: readonly string[];
}

/** Writes mosquitto's configuration into its folder and returns the path. */
export async function writeMosquittoConfig(
  folder: string,
  port: number,
  setup: MosquittoSetup,
  addresses: Addresses,
): Promise<string> {
  await writeCertificates(folder, setup);
  const lines = [
    // started as root, it would become a user that cannot read the folder
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'per_listener_settings false',
    'set_tcp_nodelay true',
    ...(setup.persistence ? ['persistence true', `persistence_location ${folder}/`] : []),
    // 2.0.11 buffers stdout when that is a file
    'log_dest stderr',
    'log_type all',
    ...(await accessLines(folder, setup)),
    `listener ${port} 127.0.0.1`,
    ...(setup.listeners ?? []).flatMap((kind) => listenerLines(folder, kind, addresses[kind], setup)),
    'max_queued_messages 0', // no limit: beyond its default of 1000 it drops, and says nothing
    ...(setup.config ?? []),
  ];
  const path = join(folder, 'mosquitto.conf');
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

async function accessLines(folder: string, { denied, users }: MosquittoSetup): Promise<string[]> {
  const lines = [`allow_anonymous ${users === undefined}`];
  if (users) {
    const path = join(folder, 'passwords');
    await writeFile(path, Object.entries(users).map(passwordLine).join(''), { mode: 0o600 });
    lines.push(`password_file ${path}`);
  }
  if (denied) {
    const path = join(folder, 'dynamic-security.json');
    await writeFile(path, JSON.stringify(DENIED), { mode: 0o600 });
    lines.push(`plugin ${dynamicSecurityPlugin()}`, `plugin_opt_config_file ${path}`);
  }
  return lines;
}

async function writeCertificates(folder: string, { tls }: MosquittoSetup): Promise<void> {
  if (tls === undefined) return;
  await writeFile(join(folder, 'cert.pem'), tls.cert);
  await writeFile(join(folder, 'key.pem'), tls.key, { mode: 0o600 });
  if (tls.clientCa !== undefined) await writeFile(join(folder, 'client-ca.pem'), tls.clientCa);
}

function listenerLines(
  folder: string,
  kind: ListenerKind,
  address: number | string,
  { tls }: MosquittoSetup,
): string[] {
  const lines = [kind === 'mqtt+unix' ? `listener 0 ${address}` : `listener ${address} 127.0.0.1`];
  if (kind.startsWith('ws')) lines.push('protocol websockets');
  if (!kind.endsWith('s') || kind === 'ws') return lines;
  lines.push(`certfile ${join(folder, 'cert.pem')}`, `keyfile ${join(folder, 'key.pem')}`);
  if (tls?.clientCa !== undefined)
    lines.push(`cafile ${join(folder, 'client-ca.pem')}`, 'require_certificate true');
  return lines;
}

// What mosquitto_passwd writes: PBKDF2 with SHA-512, 101 rounds.
function passwordLine([user, password]: [string, string]): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, 101, 64, 'sha512');
  return `${user}:$7$101$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}

function dynamicSecurityPlugin(): string {
  const folders = readdirSync('/usr/lib').map((name) => join('/usr/lib', name));
  const paths = [...folders, '/usr/lib', '/usr/local/lib'].map((folder) =>
    join(folder, 'mosquitto_dynamic_security.so'),
  );
  const plugin = paths.find((path) => existsSync(path));
  if (plugin === undefined)
    throw new Error('mosquitto_dynamic_security.so is neither in /usr/lib, /usr/lib/* nor /usr/local/lib');
  return plugin;
}

const ALLOWED = { publishClientSend: true, publishClientReceive: true, subscribe: true, unsubscribe: true };
const DENIED = {
  defaultACLAccess: ALLOWED,
  anonymousGroup: 'anonymous',
  roles: [
    {
      rolename: 'kept-out',
      acls: ['publishClientSend', 'subscribePattern', 'publishClientReceive'].map((acltype) => ({
        acltype,
        topic: 'denied/#',
        priority: 10,
        allow: false,
      })),
    },
  ],
  groups: [{ groupname: 'anonymous', roles: [{ rolename: 'kept-out' }] }],
  clients: [],
};
