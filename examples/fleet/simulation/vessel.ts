import type { Behaviour, Publish } from './device.js';
import { Route, type Point } from './route.js';

/** A round trip. */
export interface Voyage {
  readonly wayPoints: readonly Point[];
  readonly cruisingKnots: number;
  /** Where along the route it starts, from 0 to 1. */
  readonly start?: number;
  /** The way points, by their index, where it stays for a while. */
  readonly stops?: readonly number[];
}

const PERIOD_MS = 500;
const METRES_PER_SECOND = 1852 / 3600; // a knot
const KNOTS_PER_TICK = 1;
const SLOWEST_KNOTS = 0.8;
const STOP_TICKS = 16;
/** East of it nobody hears the radio of a vessel. */
const RANGE_METRES = 970;

/** Goes round and round, and publishes where it is as JSON. */
export class Vessel implements Behaviour {
  readonly periodMs = PERIOD_MS;
  readonly commands = {
    hold: () => this.#obey(true),
    sail: () => this.#obey(false),
  };
  readonly #voyage: Voyage;
  readonly #route: Route;
  #metres: number;
  #knots = 0;
  #holding = false;
  #ticksToStay = 0;

  constructor(voyage: Voyage) {
    this.#voyage = voyage;
    this.#route = new Route(voyage.wayPoints);
    this.#metres = this.#route.length * (voyage.start ?? 0);
  }

  get point(): Point {
    return this.#route.at(this.#metres).point;
  }

  get inRange(): boolean {
    return this.point[0] < RANGE_METRES;
  }

  tick(publish: Publish): void {
    this.#steer();
    const { point, heading } = this.#route.at(this.#metres);
    const [x, y] = point.map((metres) => round(metres, 1));
    publish('position', JSON.stringify({ x, y, heading: Math.round(heading), knots: round(this.#knots, 1) }));
  }

  #steer(): void {
    if (this.#ticksToStay > 0) return this.#stay();
    const metresToStop = this.#metresToStop();
    const wanted = this.#holding ? 0 : Math.min(this.#voyage.cruisingKnots, SLOWEST_KNOTS + metresToStop / 6);
    this.#knots += Math.max(-KNOTS_PER_TICK, Math.min(KNOTS_PER_TICK, wanted - this.#knots));
    const metres = (this.#knots * METRES_PER_SECOND * PERIOD_MS) / 1000;
    this.#metres += Math.min(metres, metresToStop);
    if (metres >= metresToStop) this.#ticksToStay = STOP_TICKS;
  }

  #stay(): void {
    this.#knots = 0;
    this.#ticksToStay -= 1;
    if (this.#ticksToStay === 0) this.#metres += 1; // past the stop
  }

  #metresToStop(): number {
    const { length } = this.#route;
    const ahead = (this.#voyage.stops ?? []).map(
      (index) => (((this.#route.metresTo(index) - this.#metres) % length) + length) % length,
    );
    return Math.min(Infinity, ...ahead);
  }

  #obey(holding: boolean): object {
    this.#holding = holding;
    return { orders: holding ? 'hold' : 'sail', knots: round(this.#knots, 1) };
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
