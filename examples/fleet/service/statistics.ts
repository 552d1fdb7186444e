import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import { FleetBroker } from '../broker/fleet-broker.js';
import { Flow, type FlowSnapshot } from './flow.js';
import { MQTT } from './mqtt.js';

/** What was counted until then. */
export interface Snapshot extends FlowSnapshot {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** By all clients of the broker. */
  readonly published: number;
  readonly clients: number;
}

const PERIOD_MS = 1000;
const KEPT = 120;

/** Publishes what was counted, every second, to `service/statistics`. */
@Injectable()
export class Statistics implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #latest: readonly Snapshot[] = [];

  constructor(
    @Inject(MQTT) private readonly client: ClientProxy,
    private readonly broker: FleetBroker,
    private readonly flow: Flow,
  ) {}

  /** Those of the last two minutes. */
  get latest(): readonly Snapshot[] {
    return this.#latest;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => this.#publish(), PERIOD_MS);
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  #publish(): void {
    const snapshot = {
      ...this.flow.snapshot(),
      at: Date.now(),
      published: this.broker.publishedCount,
      clients: this.broker.clientCount,
    };
    this.#latest = [...this.#latest.slice(1 - KEPT), snapshot];
    this.client.emit('service/statistics', snapshot);
  }
}
