/**
 * What is to become of a QoS 1 or QoS 2 message. *Reject*: acknowledged with a Reason Code of 0x80 or above, upon which
 * the broker lets it go; on MQTT 3.1.1, which has none, acknowledged. *Withhold*: not acknowledged, so that a broker that keeps
 * the session delivers it again on the next connection.
 */
export type Decision =
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'reject'; readonly reasonCode: number }
  | { readonly kind: 'withhold' };

/** Reason Codes of a message that is rejected: sections 3.4.2.1 and 3.5.2.1. */
export const UNSPECIFIED_ERROR = 0x80;
export const PAYLOAD_FORMAT_INVALID = 0x99;

export const ACKNOWLEDGE: Decision = { kind: 'acknowledge' };
export const WITHHOLD: Decision = { kind: 'withhold' };
