import { byId, element } from './element.js';
import { LineChart } from './line-chart.js';

/**
 * @typedef {import('./fleet.js').Device} Device
 * @typedef {import('./fleet.js').Sensor} Sensor
 */

/** What has a chart of its own, in this order, and its colour; the rest is on the card of the device. */
const COLOURS = new Map([
  ['waves', '--blue'],
  ['wind', '--violet'],
  ['water', '--orange'],
  ['level', '--teal'],
]);
const ORDER = [...COLOURS.keys()];

/** A chart for each sensor, as soon as it has measured something. */
export class SensorCharts {
  /** @type {Map<Sensor, () => void>} */
  #redraws = new Map();
  #panel = byId('sensors');

  /** @param {import('./fleet.js').Fleet} fleet */
  constructor(fleet) {
    fleet.onReading((device, quantity) => this.#show(device, quantity));
    fleet.on('device', ({ id, online }) => {
      for (const chart of this.#panel.querySelectorAll(`[data-device="${id}"]`))
        chart.classList.toggle('offline', !online);
    });
  }

  /**
   * @param {Device} device
   * @param {string} quantity
   */
  #show(device, quantity) {
    const sensor = device.sensors.get(quantity);
    if (sensor === undefined || !COLOURS.has(quantity)) return;
    const redraw = this.#redraws.get(sensor) ?? this.#create(device, quantity, sensor);
    this.#redraws.set(sensor, redraw);
    redraw();
  }

  /**
   * @param {Device} device
   * @param {string} quantity
   * @param {Sensor} sensor
   */
  #create({ id, about, online }, quantity, sensor) {
    const value = element('span', 'value');
    const plot = element('div', 'plot');
    const title = element('h3', '', about.name.replace(' buoy', ''), element('small', '', quantity));
    const panel = element('section', 'sensor', element('header', '', title, value), plot);
    Object.assign(panel.dataset, { device: id, order: `${ORDER.indexOf(quantity)}${id}` });
    panel.classList.toggle('offline', !online);
    this.#insert(panel);
    /** @type {number | undefined} */
    let hovered;
    const colours = [COLOURS.get(quantity) ?? ''];
    const chart = new LineChart(plot, {
      colours,
      axis: true,
      onHover: (values) => {
        hovered = values?.[0];
        value.textContent = sensor.format(hovered);
      },
    });
    return () => {
      value.textContent = sensor.format(hovered);
      chart.draw(sensor);
    };
  }

  /** At its place, whichever comes first. @param {HTMLElement} panel */
  #insert(panel) {
    const panels = /** @type {HTMLElement[]} */ ([...this.#panel.children]);
    const next = panels.find(({ dataset }) => (dataset.order ?? '') > (panel.dataset.order ?? ''));
    this.#panel.insertBefore(panel, next ?? null);
  }
}
