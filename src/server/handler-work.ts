import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import { drops } from '../diagnostics/drop-event.js';
import { handling } from '../diagnostics/trace-handling.js';
import { WITHHOLD } from '../message/decision.js';
import type { InboundMessage } from '../message/inbound-message.js';
import { MqttContext } from '../message/mqtt-context.js';
import type { Reply } from '../message/reply.js';
import type { HandlerRoute } from './handler-route.js';
import type { HandlerRunner } from './handler-runner.js';
import type { Job } from './job.js';
import type { Incoming } from './incoming.js';
import { BY_TOPIC } from './message-key.js';
import type { OpenRequests } from './open-requests.js';
import type { OutcomeLog } from './outcome-log.js';
import type { Work } from './work-queue.js';

interface HandlerWorkSettings {
  readonly runner: HandlerRunner;
  readonly requests: OpenRequests;
  readonly log: OutcomeLog;
  readonly connection: () => ConnectionIdentity;
}

const OVERLOADED: Reply = { kind: 'error', error: { status: 'error', message: 'The service is overloaded' } };

/** A message for one handler, as the queue runs or drops it. */
export class HandlerWork implements Job, Work {
  readonly route: HandlerRoute;
  readonly message: InboundMessage;
  readonly incoming: Incoming | Promise<Incoming>;
  readonly decide: Job['decide'];
  readonly key: string | undefined;
  readonly droppable: boolean;
  readonly arrivedAt: number | undefined = handling.hasSubscribers ? performance.now() : undefined;
  readonly #settings: HandlerWorkSettings;
  /** Of the user's function that gives the key. */
  readonly #failure: { readonly error: unknown } | undefined;

  constructor(
    settings: HandlerWorkSettings,
    route: HandlerRoute,
    message: InboundMessage,
    incoming: Incoming | Promise<Incoming>,
    decide: Job['decide'],
  ) {
    this.#settings = settings;
    this.route = route;
    this.message = message;
    this.incoming = incoming;
    this.decide = decide;
    this.droppable = message.packet.qos === 0;
    try {
      this.key = keyOf(route, message);
    } catch (error) {
      this.#failure = { error };
    }
  }

  run(): Promise<void> {
    const { runner } = this.#settings;
    return this.#failure === undefined ? runner.run(this) : runner.fail(this, this.#failure.error);
  }

  drop(): void {
    const { message, decide, route } = this;
    const wasTold = route.kind === 'message' && this.#refuse();
    if (decide(WITHHOLD) && message.packet.qos > 0) return; // the broker still has it
    if (wasTold) return;
    this.#settings.log.dropped(message);
    if (drops.hasSubscribers) this.#tellOfDrop();
  }

  #tellOfDrop(): void {
    const { message, route } = this;
    const connection = this.#settings.connection();
    const { topic, packet } = message;
    drops.publish({ connection, topic, qos: packet.qos, handler: route.name, filter: route.filter.template });
  }

  /** A requester should not wait for what will never come. Whether it knows already. */
  #refuse(): boolean {
    const { incoming, message } = this;
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
