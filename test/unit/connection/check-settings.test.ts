import { checkSettings } from '../../../src/connection/check-settings.js';
import type { MqttConnectionOptions } from '../../../src/connection/connection-options.js';
import { ClientMqtt, ConfigurationError, MqttConnection, ServerMqtt } from '../../../src/index.js';

const asOptions = (options: object) => options as MqttConnectionOptions;

describe('the settings of a connection', () => {
  it.each<[object, string]>([
    [{ url: null }, 'url must be a string, not null'],
    [{ protocolVersion: '5' }, "protocolVersion must be the number 5 or 4, not '5'"],
    [{ protocolVersion: 6 }, 'protocolVersion must be the number 5 or 4, not 6'],
    [{ clean: 'false' }, "clean must be true or false, not 'false'"],
    [{ keepalive: '60' }, "keepalive must be an integer from 0 to 65535, not '60'"],
    [{ keepalive: 70_000 }, 'keepalive must be an integer from 0 to 65535, not 70000'],
    [{ connectTimeout: '5000' }, "connectTimeout must be a number above 0, not '5000'"],
    [{ subscribeTimeoutMs: 0 }, 'subscribeTimeoutMs must be a number above 0, not 0'],
    [{ reconnectPeriod: NaN }, 'reconnectPeriod must be a number, not NaN'],
    [{ maxConnectionAttempts: '2' }, "maxConnectionAttempts must be a number, not '2'"],
  ])('cannot be %j', (options, message) => {
    for (const Owner of [ServerMqtt, ClientMqtt, MqttConnection]) {
      expect(() => new Owner(asOptions(options))).toThrow(ConfigurationError);
      expect(() => new Owner(asOptions(options))).toThrow(message);
    }
  });

  it.each([
    {},
    { protocolVersion: undefined, clean: undefined, keepalive: undefined },
    { protocolVersion: 5, clean: true, keepalive: 0, connectTimeout: 1, subscribeTimeoutMs: 0.5 },
    { protocolVersion: 4, keepalive: 65_535, reconnectPeriod: 0, maxConnectionAttempts: -1 },
    { protocolVersion: 3, reconnectPeriod: Infinity, maxConnectionAttempts: Infinity },
  ])('may be %j', (options) => {
    expect(() => checkSettings(asOptions(options))).not.toThrow();
  });

  it('tell text from a number, of the server and the client too', () => {
    const text = (options: object) => options as never;
    expect(() => new ServerMqtt(text({ concurrency: '10' }))).toThrow("1 or more, not '10'");
    expect(() => new ServerMqtt(text({ drainTimeoutMs: '10' }))).toThrow("0 or more, not '10'");
    expect(() => new ClientMqtt(text({ timeoutMs: '500' }))).toThrow("0 or more, not '500'");
  });
});
