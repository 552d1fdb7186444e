import { ReasonCodes } from 'mqtt';

const FAILURE = 0x80;

/** What a broker says of a PUBLISH that is beyond its limits. */
export const TOPIC_NAME_INVALID = 0x90;
export const TOPIC_ALIAS_INVALID = 0x94;
export const PACKET_TOO_LARGE = 0x95;
export const RETAIN_NOT_SUPPORTED = 0x9a;
export const QOS_NOT_SUPPORTED = 0x9b;

/** The codes with which a broker says that the same CONNECT will be refused again; but for credentials, which are apart. */
const PERMANENT_REFUSALS: ReadonlySet<number> = new Set([
  0x01, 0x02, 0x81, 0x82, 0x84, 0x85, 0x8a, 0x8c, 0x90, 0x95, 0x99, 0x9a, 0x9b, 0x9d,
]);
const REFUSED_CREDENTIALS: ReadonlySet<number> = new Set([0x04, 0x05, 0x86, 0x87]);

/**
 * The codes of a DISCONNECT after which the next connection would end in the same way, or end another client's: session taken
 * over, and kinds of subscriptions that the broker does not have.
 */
const FINAL_DISCONNECTS: ReadonlySet<number> = new Set([0x8e, 0x9e, 0xa1, 0xa2]);

export const SESSION_TAKEN_OVER = 0x8e;

export function isFailure(reasonCode: number): boolean {
  return reasonCode >= FAILURE;
}

export function isPermanentRefusal(reasonCode: number): boolean {
  return PERMANENT_REFUSALS.has(reasonCode);
}

export function isRefusalOfCredentials(reasonCode: number): boolean {
  return REFUSED_CREDENTIALS.has(reasonCode);
}

export function isFinalDisconnect(reasonCode: number): boolean {
  return FINAL_DISCONNECTS.has(reasonCode);
}

/** Such as `0x87 Not authorized`. */
export function describeReasonCode(reasonCode: number): string {
  const name = (ReasonCodes as Readonly<Record<number, string>>)[reasonCode] ?? 'Unknown Reason Code';
  return `0x${reasonCode.toString(16).padStart(2, '0')} ${name}`;
}
