import type { InboundMessage } from '../message/inbound-message.js';
import { decodeCancellation } from '../message/cancellation.js';
import { ACKNOWLEDGE, WITHHOLD } from '../message/decision.js';
import type { HandlerRoute } from './handler-route.js';
import type { HandlerRunner, Job } from './handler-runner.js';
import { readIncoming, type Incoming, type IncomingSettings } from './incoming.js';
import { JointDecision } from '../message/joint-decision.js';
import { BY_TOPIC } from './message-key.js';
import { MqttContext } from './mqtt-context.js';
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
    const { events, responder } = this.#settings.router.route(message.topic, routes);
    if (!this.#accepting) {
      if (events.some((route) => this.#isCancellation(route))) this.#cancel(message);
      message.settle(WITHHOLD);
      return;
    }
    const handlers = events.length + (responder === undefined ? 0 : 1);
    if (handlers === 0) {
      message.settle(ACKNOWLEDGE); // a request that another copy of it is answered for
      return;
    }
    const incoming = readIncoming(message, this.#settings);
    const decision = new JointDecision(handlers, message.settle);
    for (const route of events) {
      const decide = decision.vote();
      if (this.#isCancellation(route)) {
        this.#cancel(message);
        decide(ACKNOWLEDGE);
      } else this.#submit({ route, message, incoming, decide });
    }
    if (responder === undefined) return;
    const opened = this.#open(responder, incoming, message);
    this.#submit({ route: responder, message, incoming: opened, decide: decision.vote() }, () =>
      this.#end(opened),
    );
  }

  #isCancellation(route: HandlerRoute): boolean {
    return route === this.#settings.cancellations;
  }

  #cancel(message: InboundMessage): void {
    const key = decodeCancellation(message);
    if (key !== undefined) this.#settings.requests.cancel(key);
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

  #end(incoming: Incoming | Promise<Incoming>): void {
    const end = ({ request }: Incoming): void => this.#settings.requests.end(request);
    if (incoming instanceof Promise)
      void incoming.then(end); // it does not reject
    else end(incoming);
  }

  #submit(job: Job, onEnd?: () => void): void {
    const { route, message, decide } = job;
    if (route.ack === 'receipt') decide(ACKNOWLEDGE);
    const { runner, queue, log } = this.#settings;
    const drop = (): void => {
      onEnd?.();
      if (decide(WITHHOLD) && message.packet.qos > 0) return; // the broker still has it
      log.dropped(message);
    };
    const droppable = message.packet.qos === 0;
    let key: string | undefined;
    let run = (): Promise<void> => runner.run(job);
    try {
      key = keyOf(route, message);
    } catch (error) {
      run = () => runner.fail(job, error); // the user's function that gives the key
    }
    const work = onEnd === undefined ? run : () => run().finally(onEnd);
    queue.submit(route.lane, { key, droppable, run: work, drop });
  }
}

function keyOf({ key, filter }: HandlerRoute, { topic, packet }: InboundMessage): string | undefined {
  if (key === undefined) return undefined;
  return key === BY_TOPIC ? topic : key(new MqttContext([topic, packet], { filter }));
}
