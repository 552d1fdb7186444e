import { byId, element } from './element.js';

/** @typedef {import('./fleet.js').Device} Device */

/** By which a device is known at a glance. */
const MAIN_QUANTITIES = ['speed', 'waves', 'wind', 'level', 'load'];

/** All devices, and whether they are online. */
export class DeviceList {
  /** @type {Map<string, { readonly row: HTMLElement, readonly value: HTMLElement }>} */
  #rows = new Map();
  #fleet;
  #list = byId('devices');

  /** @param {import('./fleet.js').Fleet} fleet */
  constructor(fleet) {
    this.#fleet = fleet;
    fleet.on('device', (device) => {
      this.#update(device);
      this.#count();
    });
    fleet.onReading((device) => this.#update(device));
    fleet.addEventListener('select', () => {
      for (const [id, { row }] of this.#rows) row.classList.toggle('selected', id === fleet.selected?.id);
    });
  }

  /** @param {Device} device */
  #update(device) {
    const { row, value } = this.#rows.get(device.id) ?? this.#create(device);
    row.dataset.state = device.online ? 'online' : 'offline';
    const quantity = MAIN_QUANTITIES.find((each) => device.sensors.has(each)) ?? '';
    value.textContent = device.online ? (device.sensors.get(quantity)?.format() ?? '') : 'offline';
  }

  /** @param {Device} device */
  #create({ id, about }) {
    const value = element('span', 'value');
    const row = element(
      'button',
      'device',
      element('span', 'dot'),
      element('span', 'name', about.name),
      value,
    );
    row.dataset.device = id;
    row.addEventListener('click', () => this.#fleet.select(id));
    const created = { row, value };
    this.#rows.set(id, created);
    this.#list.append(row);
    return created;
  }

  #count() {
    const devices = [...this.#fleet.devices.values()];
    const online = devices.filter((device) => device.online).length;
    byId('online').textContent = `${online} of ${devices.length} online`;
  }
}
