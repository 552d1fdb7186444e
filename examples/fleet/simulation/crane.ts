import type { Customs } from './customs.js';
import type { Behaviour, Publish } from './device.js';
import type { Point } from './route.js';

const PERIOD_MS = 500;
/** Of one lift: along the quay, to the ship, and back. */
const CYCLE_TICKS = 12;
const ANNOUNCED_TICKS = 6;
/** Once in so many lifts the scale has no value. */
const SCALE_FAILS_EVERY = 20;

/** Moves along the quay, and publishes each container that it has lifted as JSON. */
export class Crane implements Behaviour {
  readonly periodMs = PERIOD_MS;
  readonly commands = {
    pause: () => this.#obey(true),
    resume: () => this.#obey(false),
  };
  readonly #from: Point;
  readonly #to: Point;
  readonly #customs: Customs;
  #ticks = 0;
  #lifts = 0;
  #container = '';
  #paused = false;

  constructor(from: Point, to: Point, customs: Customs) {
    this.#from = from;
    this.#to = to;
    this.#customs = customs;
  }

  tick(publish: Publish): void {
    if (!this.#paused) this.#work(publish);
    const share = (1 - Math.cos((2 * Math.PI * this.#ticks) / (CYCLE_TICKS * 8))) / 2;
    const [x, y] = [0, 1].map((axis) => this.#from[axis]! + (this.#to[axis]! - this.#from[axis]!) * share);
    publish('position', JSON.stringify({ x: Number(x!.toFixed(1)), y }));
  }

  #work(publish: Publish): void {
    this.#ticks += 1;
    const inCycle = this.#ticks % CYCLE_TICKS;
    if (inCycle === ANNOUNCED_TICKS) {
      this.#container = `MSKU ${String(Math.floor(Math.random() * 10_000_000)).padStart(7, '0')}`;
      this.#customs.expect(this.#container);
    }
    if (inCycle === 0) this.#lift(publish);
  }

  #lift(publish: Publish): void {
    this.#lifts += 1;
    const failed = this.#lifts % SCALE_FAILS_EVERY === 0;
    const tonnes = failed ? null : Number((6 + Math.random() * 22).toFixed(1));
    publish('lifts', JSON.stringify({ container: this.#container, tonnes }), 1);
  }

  #obey(paused: boolean): object {
    this.#paused = paused;
    return { orders: paused ? 'pause' : 'work', lifts: this.#lifts };
  }
}
