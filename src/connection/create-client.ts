import { connect, type MqttClient } from 'mqtt';
import { ConfigurationError } from '../errors.js';
import { BackOff } from './back-off.js';
import { checkSettings } from './check-settings.js';
import { describeBroker, toMqttJsOptions, type MqttConnectionOptions } from './connection-options.js';
import { useHandleAuth } from './security/handle-auth.js';
import { keepServerKeepAlive } from './keep-server-keep-alive.js';
import { MAX_DELAY_MS } from './max-delay.js';
import { PacketIdentifiers } from './outgoing/packet-identifiers.js';
import type { Presence } from './presence.js';

/**
 * Wrong options show at construction.
 * @throws {ConfigurationError}
 */
export function checkOptions(options: MqttConnectionOptions): void {
  checkSettings(options);
  toMqttJsOptions(options);
  BackOff.from(options);
}

/**
 * MQTT.js's client, which does not connect by itself, neither now nor when a connection is lost.
 * @throws {ConfigurationError}
 */
export function createClient(options: MqttConnectionOptions, presence?: Presence): MqttClient {
  const { url, options: given } = toMqttJsOptions(options);
  const reconnectPeriod = given.reconnectPeriod === 0 ? 0 : MAX_DELAY_MS; // with 0 it drops messages when it times out
  try {
    const messageIdProvider = given.messageIdProvider ?? new PacketIdentifiers();
    const client = connect(url, { ...given, messageIdProvider, reconnectPeriod, manualConnect: true });
    client.options.manualConnect = false; // with which a client that was ended goes on
    keepServerKeepAlive(client);
    if (presence !== undefined) client.options.will = presence.will(client.options.clientId!);
    if (options.handleAuth !== undefined) useHandleAuth(client, options.handleAuth);
    return client;
  } catch (cause) {
    const { message } = cause as Error;
    throw new ConfigurationError(`Cannot connect to ${describeBroker(options)}: ${message}`, { cause });
  }
}
