import { jsonCodec, parseJson } from '../codec/json-codec.js';
import { readText } from '../codec/text-codec.js';
import type { InboundMessage } from './inbound-message.js';
import type { PublishProperties } from './mqtt-record.js';

/** Where a requester says that it no longer waits; a responder puts `+` for `{clientId}`. */
export const DEFAULT_CANCEL_TOPIC = 'clients/{clientId}/cancellations';

/** Nobody has so long an id; a stranger must not make every service parse his JSON. */
const MAX_BYTES = 4096;

/** What tells a request from all others: where its replies go, and what they carry. */
export function requestKey(replyTopic: string, correlation: Buffer | string): string {
  const id = typeof correlation === 'string' ? correlation : correlation.toString('latin1');
  return `${replyTopic}\0${id}`;
}

/** MQTT 5: the Response Topic and Correlation Data of the request. */
export function encodeMqtt5Cancellation(replyTopic: string, id: string): PublishProperties {
  return { responseTopic: replyTopic, correlationData: Buffer.from(id) };
}

/** MQTT 3.1.1: `replyTo` and `id` of the request's envelope. */
export function encodeEnvelopeCancellation(replyTo: string, id: string): string {
  return jsonCodec.encode({ id, replyTo }).payload as string;
}

/** The key of the request that is cancelled; `undefined` if the message is no cancellation. */
export function decodeCancellation({ payload, packet }: InboundMessage): string | undefined {
  const { responseTopic, correlationData } = packet.properties ?? {};
  if (responseTopic !== undefined && correlationData !== undefined)
    return requestKey(responseTopic, correlationData);
  if (payload.length > MAX_BYTES) return undefined;
  try {
    const { id, replyTo } = parseJson(readText(payload, 'json')) as Readonly<Record<string, unknown>>;
    return typeof id === 'string' && typeof replyTo === 'string' ? requestKey(replyTo, id) : undefined;
  } catch {
    return undefined;
  }
}
