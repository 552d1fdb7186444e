import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { findExecutable } from '../../support/find-executable.js';
import type { Place, Program, Recipe } from './program-broker.js';

const HOME = '/usr/lib/rabbitmq';

export const rabbitmqVersion = findServer()?.replace('rabbitmq_server-', '');

/** Without an epmd of its own, Erlang would leave one behind on its standard port. */
export const rabbitmq: Recipe = {
  name: 'rabbitmq',
  wsPath: '/ws',
  configure: async (place) => {
    const { folder, spare } = place;
    const [amqp = 0, epmd = 0, distribution = 0] = spare;
    await writeFile(join(folder, 'enabled_plugins'), '[rabbitmq_mqtt,rabbitmq_web_mqtt].');
    await writeFile(join(folder, 'rabbitmq.conf'), configuration(place, amqp));
    await writeFile(join(folder, 'definitions.json'), JSON.stringify(definitions()));
    const env = environment(folder, epmd, distribution);
    return [
      { path: findExecutable('epmd') ?? 'epmd', args: ['-port', String(epmd), '-address', '127.0.0.1'], env },
      // not the one in /usr/sbin, which changes the user and logs to /var/log
      { path: join(HOME, 'bin/rabbitmq-server'), args: ['-noinput'], env },
    ] satisfies Program[];
  },
};

function findServer(): string | undefined {
  try {
    return readdirSync(join(HOME, 'lib')).find((name) => name.startsWith('rabbitmq_server-'));
  } catch {
    return undefined;
  }
}

function configuration({ folder, ports, certificate }: Place, amqp: number): string {
  return [
    `listeners.tcp.1 = 127.0.0.1:${amqp}`,
    `mqtt.listeners.tcp.1 = 127.0.0.1:${ports.mqtt}`,
    `mqtt.listeners.ssl.1 = 127.0.0.1:${ports.tls}`,
    `ssl_options.cacertfile = ${certificate.cert}`,
    `ssl_options.certfile = ${certificate.cert}`,
    `ssl_options.keyfile = ${certificate.key}`,
    'ssl_options.verify = verify_none',
    'ssl_options.fail_if_no_peer_cert = false',
    'mqtt.allow_anonymous = true',
    'mqtt.default_user = anybody',
    'mqtt.default_pass = anybody',
    'web_mqtt.tcp.ip = 127.0.0.1',
    `web_mqtt.tcp.port = ${ports.ws}`,
    `load_definitions = ${join(folder, 'definitions.json')}`,
    'log.console = true',
    'log.file = false',
    '',
  ].join('\n');
}

/** Topics are routing keys here, with dots for slashes. */
function definitions(): object {
  const allowed = '^(?!denied\\.)';
  return {
    vhosts: [{ name: '/' }],
    users: [{ name: 'anybody', password_hash: passwordHash('anybody'), tags: '' }],
    permissions: [{ user: 'anybody', vhost: '/', configure: '.*', write: '.*', read: '.*' }],
    topic_permissions: [
      { user: 'anybody', vhost: '/', exchange: 'amq.topic', write: allowed, read: allowed },
    ],
  };
}

function passwordHash(password: string): string {
  const salt = randomBytes(4);
  const hash = createHash('sha256')
    .update(Buffer.concat([salt, Buffer.from(password)]))
    .digest();
  return Buffer.concat([salt, hash]).toString('base64');
}

function environment(folder: string, epmd: number, distribution: number): NodeJS.ProcessEnv {
  return {
    HOME: folder,
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_ALLOW_INPUT: '1', // the script becomes the program
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_NODENAME: `interop${epmd}@localhost`,
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'logs'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_PLUGINS_EXPAND_DIR: join(folder, 'plugins'),
    RABBITMQ_FEATURE_FLAGS_FILE: join(folder, 'feature_flags'),
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  };
}
