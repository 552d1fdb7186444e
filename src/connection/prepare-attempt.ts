import type { MqttClient } from 'mqtt';
import { ConfigurationError } from '../errors.js';
import { describeBroker, type MqttConnectionOptions } from './connection-options.js';
import { fetchCredentials, type Credentials } from './security/refresh-credentials.js';
import { readTlsFiles } from './security/tls-files.js';

/**
 * What has to be done before each attempt to connect: MQTT.js's options go back to what they were, for it changes them while
 * it connects (a server's name for TLS would be that of the one before), files are read again, for certificates are renewed, and
 * credentials fetched.
 */
export function createPreparation(
  { options: current }: MqttClient,
  options: MqttConnectionOptions,
): () => Promise<void> {
  const { username, password, servername, path, properties } = current;
  const wsOptions = { ...(servername !== undefined && { servername }), ...current.wsOptions };
  const { refreshCredentials } = options;
  const settings = { timeoutMs: current.connectTimeout!, broker: describeBroker(options) };
  return async () => {
    const fresh = refreshCredentials && (await fetchCredentials(refreshCredentials, settings));
    const credentials = {
      username: fresh?.username ?? username,
      password: fresh?.password ?? password,
    };
    checkCredentials(credentials);
    const restored = { servername, path, wsOptions: { ...wsOptions } };
    const { authenticationData } = fresh ?? {};
    const authentication =
      authenticationData === undefined ? properties : { ...properties, authenticationData };
    Object.assign(current, restored, readTlsFiles(options), credentials, { properties: authentication });
  };
}

/** MQTT.js would close the connection, and not say why; on MQTT 5, which allows it, too. */
function checkCredentials({ username, password }: Credentials): void {
  if (password === undefined || username !== undefined) return;
  throw new ConfigurationError('A password needs a username, if only an empty one [MQTT-3.1.2-22]');
}
