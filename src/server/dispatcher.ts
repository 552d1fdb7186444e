import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import { drops } from '../diagnostics/drop-event.js';
import { handling } from '../diagnostics/trace-handling.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { decodeCancellation } from '../message/cancellation.js';
import { ACKNOWLEDGE, WITHHOLD } from '../message/decision.js';
import type { HandlerRoute } from './handler-route.js';
import type { HandlerRunner, Job } from './handler-runner.js';
import { readIncoming, type Incoming, type IncomingSettings } from './incoming.js';
import type { Reply } from '../message/reply.js';
import { JointDecision } from '../message/joint-decision.js';
import { BY_TOPIC } from './message-key.js';
import { MqttContext } from '../message/mqtt-context.js';
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

const OVERLOADED: Reply = { kind: 'error', error: { status: 'error', message: 'The service is overloaded' } };

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
    const arrivedAt = handling.hasSubscribers ? performance.now() : undefined;
    for (const route of events)
      this.#submit({ route, message, incoming, decide: decision.vote(), arrivedAt });
    if (responder === undefined) return;
    const opened = this.#open(responder, incoming, message);
    this.#submit({ route: responder, message, incoming: opened, decide: decision.vote(), arrivedAt });
  }

  /** From here on the request can be cancelled. */
  #open(
    { codec }: HandlerRoute,
    incoming: Incoming | Promise<Incoming>,
    message: InboundMessage,
  ): Incoming | Promise<Incoming> {
    const open = (read: Incoming): Incoming => ({
      ...read,
      request: this.#settings.requests.open(read, message, codec),
    });
    return incoming instanceof Promise ? incoming.then(open) : open(incoming);
  }

  #submit(job: Job): void {
    const { route, message } = job;
    if (route.ack === 'receipt') job.decide(ACKNOWLEDGE);
    const { runner, queue } = this.#settings;
    const droppable = message.packet.qos === 0;
    let key: string | undefined;
    let run = (): Promise<void> => runner.run(job);
    try {
      key = keyOf(route, message);
    } catch (error) {
      run = () => runner.fail(job, error); // the user's function that gives the key
    }
    queue.submit(route.lane, { key, droppable, run, drop: () => this.#drop(job) });
  }

  #drop(job: Job): void {
    const { message, decide, route } = job;
    const wasTold = route.kind === 'message' && this.#refuse(job);
    if (decide(WITHHOLD) && message.packet.qos > 0) return; // the broker still has it
    if (wasTold) return;
    this.#settings.log.dropped(message);
    if (drops.hasSubscribers) this.#tellOfDrop(job);
  }

  #tellOfDrop({ message: { topic, packet }, route }: Job): void {
    const connection = this.#settings.connection();
    drops.publish({ connection, topic, qos: packet.qos, handler: route.name, filter: route.filter.template });
  }

  /** A requester should not wait for what will never come. Whether it knows already. */
  #refuse({ incoming, message }: Job): boolean {
    const request = incoming instanceof Promise ? undefined : incoming.request;
    const wasTold = request?.stopped === 'closed';
    if (message.packet.qos === 0) request?.close(OVERLOADED).catch(() => undefined); // nothing is left to try
    this.#settings.requests.endOf(incoming);
    return wasTold;
  }
}

function keyOf({ key, filter }: HandlerRoute, { topic, packet }: InboundMessage): string | undefined {
  if (key === undefined) return undefined;
  return key === BY_TOPIC ? topic : key(new MqttContext([topic, packet], { filter }));
}
