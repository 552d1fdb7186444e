import type { IDisconnectPacket } from 'mqtt';
import { ConfigurationError, printable } from '../errors.js';
import { describeTlsFailure } from './security/tls-failure.js';
import { describeReasonCode, isPermanentRefusal, isRefusalOfCredentials } from './reason-code.js';

const UNSUPPORTED_VERSION: ReadonlySet<unknown> = new Set([0x01, 0x84]);

/**
 * Why a connection could not be made.
 * @param answered whether there was a CONNACK; without one, and without an error, it was closed before
 */
export function describeFailure(error: Error | undefined, answered: boolean): string {
  if (error === undefined && answered) return 'the broker closed it';
  if (error === undefined) return 'it was closed before the CONNACK: another protocol, or MQTT version?';
  const tls = describeTlsFailure(error);
  if (tls !== undefined) return tls;
  const code = codeOf(error);
  if (code === 'ECONNRESET' && !answered) return `${error.message}: is this its port, with TLS or without?`;
  if (code === undefined) return `${error.message}: is this an MQTT broker?`;
  const hint = UNSUPPORTED_VERSION.has(code) ? ': try another protocolVersion, 4 for MQTT 3.1.1 or 5' : '';
  return `${describeError(error)}${hint}`;
}

export function describeError(error: Error): string {
  const code = codeOf(error);
  if (typeof code === 'number') return describeReasonCode(code);
  // an AggregateError of Node's, one error for each address of a host, has a code but no message
  return code === undefined || error.message.includes(code)
    ? error.message
    : `${code} ${error.message}`.trim();
}

export function describeDisconnect({ reasonCode = 0, properties }: IDisconnectPacket): string {
  const reason = describeReasonCode(reasonCode);
  return properties?.reasonString === undefined ? reason : printable(`${reason}: ${properties.reasonString}`);
}

/** Whether the same attempt would fail again: `passing` if it need not. */
export function kindOfFailure(
  error: Error | undefined,
): 'configuration' | 'credentials' | 'permanent' | 'passing' {
  if (error instanceof ConfigurationError) return 'configuration';
  const code = error && codeOf(error);
  if (typeof code !== 'number') return 'passing';
  if (isRefusalOfCredentials(code)) return 'credentials';
  return isPermanentRefusal(code) ? 'permanent' : 'passing';
}

/**
 * Whether nothing that follows can be trusted: of a packet that MQTT.js cannot read, or does not expect, it tells without a code,
 * and goes on with whatever comes next.
 */
export function breaksConnection(error: Error): boolean {
  return codeOf(error) === undefined;
}

/** The Reason Code of a CONNACK, or the name of a system error. */
export function codeOf(error: Error): number | string | undefined {
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'number' || typeof code === 'string' ? code : undefined;
}
