import { Inject, Injectable } from '@nestjs/common';
import { Buoy } from './buoy.js';
import { Crane } from './crane.js';
import { Customs } from './customs.js';
import { Device, type About, type Behaviour } from './device.js';
import type { Point } from './route.js';
import { TideGauge } from './tide-gauge.js';
import { Vessel } from './vessel.js';
import { VOYAGES } from './voyages.js';
import { WeatherMast } from './weather-mast.js';

/** The token of the broker's URL. */
export const BROKER_URL = Symbol('broker url');

const STORM_COUNT = 3000;
const QUAY: readonly [from: Point, to: Point] = [
  [360, 136],
  [500, 136],
];

/** Twelve devices in a harbour. */
@Injectable()
export class Fleet {
  readonly devices = new Map<string, Device>();
  readonly #url: string;
  readonly #mast = new WeatherMast();

  constructor(@Inject(BROKER_URL) url: string) {
    this.#url = url;
    this.#addVessels();
    this.#addSensors();
    this.#addQuay();
  }

  start(): void {
    for (const device of this.devices.values()) device.start();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.devices.values()].map((device) => device.stop()));
  }

  /** The mast publishes more at once than anybody can handle at once; how many messages that are. */
  storm(): number {
    const mast = this.devices.get('mast')!;
    this.#mast.storm((...message) => mast.publish(...message), STORM_COUNT);
    return STORM_COUNT;
  }

  #addVessels(): void {
    this.#addVessel('alma', 'Alma', 'ferry');
    this.#addVessel('embla', 'Embla', 'ferry');
    this.#addVessel('bruse', 'Bruse', 'tug');
    this.#addVessel('pilot', 'Pilot', 'pilot');
    this.#addVessel('havorn', 'Havørn', 'coaster');
  }

  #addVessel(id: keyof typeof VOYAGES, name: string, kind: About['kind']): void {
    const vessel = new Vessel(VOYAGES[id]);
    this.#add(id, name, kind, vessel.point, vessel);
  }

  #addSensors(): void {
    const buoys: [id: string, name: string, anchor: Point, waveMetres: number][] = [
      ['basin', 'Basin buoy', [575, 320], 0.25],
      ['fairway', 'Fairway buoy', [900, 215], 0.9],
      ['reef', 'Reef buoy', [925, 395], 1.5],
    ];
    for (const [id, name, anchor, metres] of buoys)
      this.#add(id, name, 'buoy', anchor, new Buoy(anchor, metres));
    this.#add('mast', 'Weather mast', 'mast', [823, 172], this.#mast);
    this.#add('tide', 'Tide gauge', 'gauge', [206, 372], new TideGauge());
  }

  #addQuay(): void {
    const customs = new Customs();
    this.#add('customs', 'Customs', 'customs', [350, 60], customs);
    this.#add('crane', 'Crane', 'crane', QUAY[0], new Crane(...QUAY, customs));
  }

  #add(id: string, name: string, kind: About['kind'], [x, y]: Point, behaviour: Behaviour): void {
    this.devices.set(id, new Device(this.#url, id, { name, kind, x, y }, behaviour));
  }
}
