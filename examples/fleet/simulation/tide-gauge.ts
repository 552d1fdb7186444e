import type { Behaviour, Publish } from './device.js';
import { Noise } from './noise.js';

/** So that a tide can be seen within minutes. */
const TIDE_TICKS = 240;

/** Publishes the water's level as text: a number and nothing else. */
export class TideGauge implements Behaviour {
  readonly periodMs = 1000;
  readonly commands = {};
  readonly #ripple = new Noise(1.4, 0.02);
  #ticks = 0;

  tick(publish: Publish): void {
    this.#ticks += 1;
    const tide = 0.6 * Math.sin((2 * Math.PI * this.#ticks) / TIDE_TICKS);
    publish('level', (this.#ripple.next() + tide).toFixed(2));
  }
}
