import { byId, element } from './element.js';
import { LineChart } from './line-chart.js';
import { post } from './post.js';
import { Series } from './series.js';

/** @typedef {import('./fleet.js').Device} Device */

const NOTHING = new Series();
/** What the chart of the card shows: the first of these that the device measures. */
const CHARTED = ['speed', 'load', 'waves', 'wind', 'level'];

/** The device that is selected: what it can be asked for, and what it answers. */
export class DeviceCard {
  #fleet;
  #commands = byId('commands');
  #answer = byId('answer');
  #power = byId('power');
  #chart = new LineChart(byId('selected-plot'), { colours: ['--teal'], axis: true, from: 0, fill: true });

  /** @param {import('./fleet.js').Fleet} fleet */
  constructor(fleet) {
    this.#fleet = fleet;
    fleet.addEventListener('select', () => this.#select());
    fleet.on('device', (device) => this.#update(device));
    fleet.on('position', (device) => this.#update(device));
    fleet.onReading((device) => this.#update(device));
    this.#power.addEventListener('click', () => void this.#togglePower());
  }

  #select() {
    const { selected } = this.#fleet;
    if (selected === undefined) return;
    this.#answer.replaceChildren();
    this.#commands.replaceChildren(
      ...selected.about.commands.map((command) => this.#button(selected, command)),
    );
    this.#update(selected);
  }

  /** @param {Device} device */
  #update(device) {
    if (device !== this.#fleet.selected) return;
    const { about, online, sensors, position } = device;
    byId('selected').dataset.state = online ? 'online' : 'offline';
    byId('selected-name').textContent = about.name;
    const values = [...sensors].map(([quantity, sensor]) => `${quantity} ${sensor.format()}`);
    const place = `${position.x.toFixed(0)} m east, ${position.y.toFixed(0)} m south`;
    byId('selected-values').textContent = online ? [...values, place].join(' · ') : 'offline';
    this.#power.textContent = online ? 'Cut power' : 'Restore power';
    const charted = sensors.get(CHARTED.find((quantity) => sensors.has(quantity)) ?? '');
    this.#chart.draw(charted ?? NOTHING);
  }

  /**
   * @param {Device} device
   * @param {string} command
   */
  #button(device, command) {
    const button = element('button', 'command', command);
    button.dataset.command = command;
    button.addEventListener('click', () => void this.#ask(device, command));
    return button;
  }

  /**
   * @param {Device} device
   * @param {string} command
   */
  async #ask({ id }, command) {
    this.#answer.replaceChildren(element('span', 'note', 'asks …'));
    const begin = performance.now();
    try {
      const { answer, roundTripMs } = await post(`devices/${id}/commands`, { command });
      const here = performance.now() - begin;
      const times = `${roundTripMs.toFixed(1)} ms to the device and back, ${here.toFixed(1)} ms from this page`;
      this.#answer.replaceChildren(
        element('code', '', JSON.stringify(answer)),
        element('span', 'note', times),
      );
    } catch (error) {
      this.#answer.replaceChildren(element('span', 'failure', /** @type {Error} */ (error).message));
    }
  }

  async #togglePower() {
    const { selected } = this.#fleet;
    if (selected) await post(`simulation/devices/${selected.id}/power`, { on: !selected.online });
  }
}
