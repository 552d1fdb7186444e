import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ConnectionIdentity } from '../diagnostics/connection-identity.js';
import { mqttChannels } from '../diagnostics/mqtt-channels.js';
import type { ConnectionHealth } from './connection-health.js';

/** How one server or client is. */
export interface HealthReport {
  readonly role: 'server' | 'client';
  readonly connection: ConnectionIdentity;
  /** What its `health()` says: {@link ServerHealth} or {@link ClientHealth}. */
  readonly health: ConnectionHealth & { readonly listening?: boolean } & {
    readonly [count in 'running' | 'waiting' | 'dropped' | 'expired' | 'pendingRequests']?: number;
  };
}

/**
 * What is published on the channel `collect` by who wants to know how all open servers and clients of the process are: each calls
 * `add`, before `publish` returns.
 */
export interface HealthCollection {
  readonly add: (report: HealthReport) => void;
}

/** Reports of a server or client while it is open. */
export class HealthReports {
  readonly #onCollect: (collection: unknown) => void;
  #open = false;
  #closeCalls = 0;

  constructor(report: () => HealthReport) {
    this.#onCollect = (collection) => (collection as HealthCollection).add(report());
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    subscribe(mqttChannels.collect, this.#onCollect);
  }

  /** Tells whether they were closed meanwhile. */
  get closeCalls(): number {
    return this.#closeCalls;
  }

  close(): void {
    this.#closeCalls++;
    this.#open = false;
    unsubscribe(mqttChannels.collect, this.#onCollect);
  }
}
