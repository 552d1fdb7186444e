import type { InboundMessage } from '../message/inbound-message.js';
import { ACKNOWLEDGE, WITHHOLD } from '../message/decision.js';
import type { HandlerRoute } from './handler-route.js';
import type { HandlerRunner, Job } from './handler-runner.js';
import { readIncoming, type IncomingSettings } from './incoming.js';
import { JointDecision } from './joint-decision.js';
import { BY_TOPIC } from './message-key.js';
import { MqttContext } from './mqtt-context.js';
import type { OutcomeLog } from './outcome-log.js';
import type { Router } from './router.js';
import type { WorkQueue } from './work-queue.js';

interface DispatcherSettings extends IncomingSettings {
  readonly router: Router;
  readonly queue: WorkQueue;
  readonly runner: HandlerRunner;
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

  dispatch(message: InboundMessage): void {
    if (!this.#accepting) {
      message.settle(WITHHOLD);
      return;
    }
    const { events, responder } = this.#settings.router.route(message);
    const routes = responder === undefined ? events : [...events, responder];
    if (routes.length === 0) {
      this.#settings.log.unrouted(message);
      message.settle(ACKNOWLEDGE);
      return;
    }
    const incoming = readIncoming(message, this.#settings);
    const decision = new JointDecision(routes.length, message.settle);
    for (const route of routes) this.#submit({ route, message, incoming, decide: decision.vote() });
  }

  #submit(job: Job): void {
    const { route, message, decide } = job;
    if (route.ack === 'receipt') decide(ACKNOWLEDGE);
    const { runner, queue, log } = this.#settings;
    const drop = (): void => {
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
    queue.submit(route.lane, { key, droppable, run, drop });
  }
}

function keyOf({ key, filter }: HandlerRoute, { topic, packet }: InboundMessage): string | undefined {
  if (key === undefined) return undefined;
  return key === BY_TOPIC ? topic : key(new MqttContext([topic, packet], { filter }));
}
