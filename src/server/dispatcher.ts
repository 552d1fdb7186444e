import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { decodeCancellation } from '../message/cancellation.js';
import { ACKNOWLEDGE, WITHHOLD } from '../message/decision.js';
import type { HandlerRoute } from './handler-route.js';
import type { HandlerRunner } from './handler-runner.js';
import type { Job } from './job.js';
import { HandlerWork } from './handler-work.js';
import { readIncoming, type Incoming, type IncomingSettings } from './incoming.js';
import { JointDecision } from '../message/joint-decision.js';
import type { OpenRequests } from './open-requests.js';
import type { OutcomeLog } from './outcome-log.js';
import type { Router } from './router.js';
import type { WorkQueue } from './work-queue.js';

interface DispatcherSettings extends IncomingSettings {
  readonly router: Router;
  readonly queue: WorkQueue;
  readonly runner: HandlerRunner;
  readonly requests: OpenRequests;
  /** What takes the cancellations of requests. */
  readonly cancellations: HandlerRoute | undefined;
  readonly log: OutcomeLog;
  readonly connection: () => ConnectionIdentity;
}

/** Where a message goes: to each of its handlers, in the order that each asks for; and the broker's answer, when all decided. */
export class Dispatcher {
  readonly #settings: DispatcherSettings;
  #accepting = true;

  constructor(settings: DispatcherSettings) {
    this.#settings = settings;
  }

  /** From now on, messages are left to the broker. */
  stop(): void {
    this.#accepting = false;
  }

  dispatch(message: InboundMessage, routes: readonly HandlerRoute[]): void {
    const { cancellations } = this.#settings;
    if (cancellations !== undefined && routes.includes(cancellations)) this.#cancel(message, routes);
    else if (this.#accepting) this.#route(message, routes);
    else message.settle(WITHHOLD);
  }

  /** A handler with a wildcard may want to see it too; but it asks for nothing, though it has a Response Topic. */
  #cancel(message: InboundMessage, routes: readonly HandlerRoute[]): void {
    const key = decodeCancellation(message);
    if (key !== undefined) this.#settings.requests.cancel(key);
    const isRequest = key === undefined;
    const others = routes.filter(
      (route) => route !== this.#settings.cancellations && (isRequest || route.kind === 'event'),
    );
    if (this.#accepting && others.length > 0) this.#route(message, others);
    else message.settle(ACKNOWLEDGE);
  }

  #route(message: InboundMessage, routes: readonly HandlerRoute[]): void {
    const { events, responder } = this.#settings.router.route(message.topic, routes);
    const handlers = events.length + (responder === undefined ? 0 : 1);
    if (handlers === 0) {
      message.settle(ACKNOWLEDGE); // a request that another copy of it is answered for
      return;
    }
    const incoming = readIncoming(message, this.#settings);
    const decision = new JointDecision(handlers, message.settle);
    for (const route of events) this.#submit(route, message, incoming, decision.vote());
    if (responder === undefined) return;
    const opened = this.#open(responder, incoming, message);
    this.#submit(responder, message, opened, decision.vote());
  }

  /** From here on the request can be cancelled. */
  #open(
    route: HandlerRoute,
    incoming: Incoming | Promise<Incoming>,
    message: InboundMessage,
  ): Incoming | Promise<Incoming> {
    const { requests, log } = this.#settings;
    const open = (read: Incoming): Incoming => {
      if (read.reply === undefined) log.unasked(route, message);
      return { ...read, request: requests.open(read, message, route.codec) };
    };
    return incoming instanceof Promise ? incoming.then(open) : open(incoming);
  }

  #submit(
    route: HandlerRoute,
    message: InboundMessage,
    incoming: Incoming | Promise<Incoming>,
    decide: Job['decide'],
  ): void {
    if (route.ack === 'receipt') decide(ACKNOWLEDGE);
    this.#settings.queue.submit(
      route.lane,
      new HandlerWork(this.#settings, route, message, incoming, decide),
    );
  }
}
