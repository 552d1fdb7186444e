import type { Decision } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import type { HandlerRoute } from './handler-route.js';
import type { Incoming } from './incoming.js';

/** One message for one handler. */
export interface Job {
  readonly route: HandlerRoute;
  readonly message: InboundMessage;
  readonly incoming: Incoming | Promise<Incoming>;
  /** Takes the handler's decision; the first one counts. */
  readonly decide: (decision: Decision) => boolean;
  /** When, on the clock of `performance`; `undefined` if nobody wants to know. */
  readonly arrivedAt: number | undefined;
}
