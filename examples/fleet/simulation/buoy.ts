import type { Behaviour, Publish } from './device.js';
import { Noise } from './noise.js';
import type { Point } from './route.js';

const LIGHT_TICKS = 10;
const DRIFT_METRES = 7;
/** One frame in so many is damaged on its way through the buoy's old cable. */
const DAMAGED = 240;

/** Measures waves and the water's temperature, and publishes them as a frame of bytes: see `service/wave-frame.ts`. */
export class Buoy implements Behaviour {
  readonly periodMs = 1000;
  readonly commands = {
    light: () => {
      this.#lightTicks = LIGHT_TICKS;
      return { light: 'on', seconds: LIGHT_TICKS };
    },
  };
  readonly #anchor: Point;
  readonly #swell: Noise;
  readonly #celsius: Noise;
  #ticks = Math.floor(Math.random() * 60);
  #lightTicks = 0;

  constructor(anchor: Point, waveMetres: number) {
    this.#anchor = anchor;
    this.#swell = new Noise(waveMetres, waveMetres / 3);
    this.#celsius = new Noise(11.5, 0.12);
  }

  tick(publish: Publish): void {
    this.#ticks += 1;
    this.#lightTicks = Math.max(0, this.#lightTicks - 1);
    publish('waves', this.#frame(), 1);
    publish('position', JSON.stringify(this.#position()));
  }

  #position(): object {
    const angle = this.#ticks / 9;
    const x = this.#anchor[0] + DRIFT_METRES * Math.cos(angle);
    const y = this.#anchor[1] + DRIFT_METRES * Math.sin(angle * 0.8);
    return { x: Number(x.toFixed(1)), y: Number(y.toFixed(1)), light: this.#lightTicks > 0 };
  }

  #frame(): Buffer {
    const frame = Buffer.alloc(6);
    frame.writeUInt8(0x57, 0);
    frame.writeUInt16BE(Math.max(0, Math.round(this.#swell.next() * 1000)), 1);
    frame.writeInt16BE(Math.round(this.#celsius.next() * 100), 3);
    frame.writeUInt8(
      frame.subarray(0, 5).reduce((sum, byte) => (sum + byte) & 0xff, 0),
      5,
    );
    if (Math.random() < 1 / DAMAGED) frame.writeUInt8(0xff, 1);
    return frame;
  }
}
