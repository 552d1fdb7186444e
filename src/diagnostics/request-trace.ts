import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';
import type { RequestEvent, RequestFacts } from './request-event.js';

type Outcome = NonNullable<RequestEvent['outcome']>;

export const requesting: TracingChannel<unknown, RequestEvent> = tracingChannel(mqttChannels.request);

/** Tells of a request. To be made if somebody listens. */
export class RequestTrace {
  readonly #event: RequestEvent;
  readonly #connection: () => ConnectionIdentity;

  constructor(
    facts: RequestFacts,
    connection: () => ConnectionIdentity,
    metadata: Readonly<Record<string, string>> | undefined,
  ) {
    this.#connection = connection;
    this.#event = {
      connection: connection(),
      topic: facts.topic, // name by name: a spread takes two microseconds
      qos: facts.qos,
      id: facts.id,
      timeoutMs: facts.timeoutMs,
      many: facts.many,
      metadata: { ...metadata },
      replies: 0,
      outcome: undefined,
      error: undefined,
    };
  }

  /** @param send is given what is to go with the request */
  start(send: (metadata: Readonly<Record<string, string>>) => void): void {
    const { start, end } = requesting;
    start.runStores(this.#event, () => {
      try {
        send(this.#event.metadata);
      } finally {
        end.publish(this.#event);
      }
    });
  }

  noteReply(): void {
    this.#event.replies++;
  }

  /** The first call counts. */
  end(outcome: Outcome, error?: unknown): void {
    const event = this.#event;
    if (event.outcome !== undefined) return;
    event.connection = this.#connection();
    event.outcome = outcome;
    event.error = error;
    if (outcome === 'failed') requesting.error.publish(event);
    requesting.asyncStart.publish(event);
    requesting.asyncEnd.publish(event);
  }
}
