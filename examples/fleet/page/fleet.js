import { Series } from './series.js';

/**
 * @typedef {'ferry' | 'tug' | 'pilot' | 'coaster' | 'buoy' | 'mast' | 'gauge' | 'crane' | 'customs'} Kind
 * @typedef {{ name: string, kind: Kind, x: number, y: number, commands: string[] }} About
 * @typedef {{ x: number, y: number, heading?: number, knots?: number, light?: boolean }} Position
 * @typedef {{ value: number, unit: string, at: number }} Reading
 * @typedef {{ device: Device, quantity: string }} Measured
 */

/** What one sensor of a device has measured. */
export class Sensor extends Series {
  unit = '';

  /** @param {Reading} reading */
  measure({ value, unit, at }) {
    this.unit = unit;
    this.add(at / 1000, value);
  }

  /** @param {number | undefined} value */
  format(value = this.latest) {
    return value === undefined ? '' : `${value.toFixed(this.unit === 'm' ? 2 : 1)} ${this.unit}`;
  }
}

/** What is known about a device. */
export class Device {
  online = false;
  /** By what they measure. @type {Map<string, Sensor>} */
  sensors = new Map();
  /** @type {Position} */
  position;

  /**
   * @param {string} id
   * @param {About} about
   */
  constructor(id, about) {
    this.id = id;
    this.about = about;
    this.position = about;
  }

  /**
   * @param {string} quantity
   * @param {Reading} reading
   */
  measure(quantity, reading) {
    const sensor = this.sensors.get(quantity) ?? new Sensor();
    this.sensors.set(quantity, sensor);
    sensor.measure(reading);
  }
}

/**
 * The devices, as they describe themselves. Events tell what has changed: `device` (who they are, and whether they are online),
 * `position`, `reading`, and `select`.
 */
export class Fleet extends EventTarget {
  /** @type {Map<string, Device>} */
  devices = new Map();
  /** Presence may come before the description. @type {Map<string, boolean>} */
  #online = new Map();
  #history;
  /** @type {string | undefined} */
  #selected;

  /**
   * @param {import('./broker.js').Broker} broker
   * @param {Readonly<Record<string, readonly Reading[]>>} history what was measured before, by `<device>/<quantity>`
   */
  constructor(broker, history) {
    super();
    this.#history = history;
    broker.subscribe('harbour/+/about', ([id = ''], payload) => this.#describe(id, JSON.parse(payload)));
    broker.subscribe('harbour/+/presence', ([id = ''], payload) => this.#setOnline(id, payload === 'online'));
    broker.subscribe('harbour/+/position', ([id = ''], payload) => this.#move(id, JSON.parse(payload)));
    broker.subscribe('readings/+/+', ([id = '', quantity = ''], payload) =>
      this.#measure(id, quantity, JSON.parse(payload)),
    );
  }

  get selected() {
    return this.devices.get(this.#selected ?? '');
  }

  /** @param {string} id */
  select(id) {
    this.#selected = id;
    this.dispatchEvent(new CustomEvent('select'));
  }

  /**
   * @param {'device' | 'position'} type
   * @param {(device: Device) => void} listener
   */
  on(type, listener) {
    this.addEventListener(type, (event) => listener(/** @type {CustomEvent<Device>} */ (event).detail));
  }

  /** @param {(device: Device, quantity: string) => void} listener */
  onReading(listener) {
    this.addEventListener('reading', (event) => {
      const { device, quantity } = /** @type {CustomEvent<Measured>} */ (event).detail;
      listener(device, quantity);
    });
  }

  /**
   * @param {string} id
   * @param {About} about
   */
  #describe(id, about) {
    const device = this.devices.get(id) ?? new Device(id, about);
    const isNew = !this.devices.has(id);
    this.devices.set(id, device);
    device.online = this.#online.get(id) ?? false;
    this.#tell('device', device);
    if (isNew) this.#remember(device);
  }

  /** @param {Device} device */
  #remember(device) {
    for (const [sensor, readings] of Object.entries(this.#history)) {
      const [id, quantity = ''] = sensor.split('/');
      if (id !== device.id) continue;
      for (const reading of readings) device.measure(quantity, reading);
      this.#tell('reading', { device, quantity });
    }
  }

  /**
   * @param {string} id
   * @param {boolean} online
   */
  #setOnline(id, online) {
    this.#online.set(id, online);
    const device = this.devices.get(id);
    if (device === undefined) return;
    device.online = online;
    this.#tell('device', device);
  }

  /**
   * @param {string} id
   * @param {Position} position
   */
  #move(id, position) {
    const device = this.devices.get(id);
    if (device === undefined) return;
    device.position = position;
    this.#tell('position', device);
  }

  /**
   * @param {string} id
   * @param {string} quantity
   * @param {Reading} reading
   */
  #measure(id, quantity, reading) {
    const device = this.devices.get(id);
    if (device === undefined) return;
    device.measure(quantity, reading);
    this.#tell('reading', { device, quantity });
  }

  /**
   * @param {'device' | 'position' | 'reading'} type
   * @param {Device | Measured} detail
   */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
