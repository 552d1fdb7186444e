import { inspect } from 'node:util';
import { ConfigurationError } from '../errors.js';
import type { MqttConnectionOptions } from './connection-options.js';

/**
 * What comes from the environment is text, whatever its type says. MQTT.js would make each attempt to connect fail with it, or take `'false'`
 * for true.
 * @throws {ConfigurationError}
 */
export function checkSettings(options: MqttConnectionOptions): void {
  for (const [name, allowed, isAllowed] of RULES) {
    const value: unknown = options[name];
    if (value === undefined || isAllowed(value)) continue;
    throw new ConfigurationError(`${name} must be ${allowed}, not ${inspect(value, { depth: 0 })}`);
  }
}

const MAX_KEEP_ALIVE = 65_535;

const RULES: readonly [keyof MqttConnectionOptions, string, (value: unknown) => boolean][] = [
  ['url', 'a string', (value) => typeof value === 'string'],
  ['protocolVersion', 'the number 5 or 4', (value) => value === 5 || value === 4 || value === 3],
  ['clean', 'true or false', (value) => typeof value === 'boolean'],
  ['keepalive', `an integer from 0 to ${MAX_KEEP_ALIVE}`, (value) => isKeepAlive(value)],
  ['connectTimeout', 'a number above 0', (value) => isNumber(value) && value > 0],
  ['subscribeTimeoutMs', 'a number above 0', (value) => isNumber(value) && value > 0],
  ['reconnectPeriod', 'a number', isNumber],
  ['maxConnectionAttempts', 'a number', isNumber],
];

function isKeepAlive(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_KEEP_ALIVE;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(value);
}
