import type { Behaviour, Publish } from './device.js';
import { Noise } from './noise.js';

/** Publishes the wind as text: a sentence of NMEA 0183, as such instruments do. */
export class WeatherMast implements Behaviour {
  readonly periodMs = 1000;
  readonly commands = {};
  readonly #speed = new Noise(7.5, 1.6);
  readonly #degrees = new Noise(235, 12);

  tick(publish: Publish): void {
    publish('wind', this.#sentence());
  }

  /** Many at once, as an instrument sends whose clock has gone wrong. */
  storm(publish: Publish, count: number): void {
    for (let index = 0; index < count; index += 1) publish('wind', this.#sentence());
  }

  #sentence(): string {
    const speed = Math.max(0, this.#speed.next()).toFixed(1);
    const fields = `WIMWV,${this.#degrees.next().toFixed(0)},T,${speed},M,A`;
    const checksum = Buffer.from(fields).reduce((all, byte) => all ^ byte, 0);
    return `$${fields}*${checksum.toString(16).toUpperCase().padStart(2, '0')}`;
  }
}
