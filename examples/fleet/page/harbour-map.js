import { byId } from './element.js';
import { Marker } from './marker.js';

/** The chart of the harbour, with the devices on it. */
export class HarbourMap {
  /** @type {Map<string, Marker>} */
  #markers = new Map();
  #fleet;

  /** @param {import('./fleet.js').Fleet} fleet */
  constructor(fleet) {
    this.#fleet = fleet;
    fleet.on('device', (device) => this.#markerOf(device).update(device));
    fleet.on('position', (device) => {
      const marker = this.#markerOf(device);
      marker.update(device);
      if (device.position.knots !== undefined) marker.leaveTrail(device);
    });
    fleet.addEventListener('select', () => {
      for (const [id, marker] of this.#markers) marker.setSelected(id === fleet.selected?.id);
    });
    fleet.onReading((device, quantity) => {
      const { sensors } = device;
      if (quantity === 'waves') this.#markerOf(device).setWaves(sensors.get('waves')?.latest ?? 0);
      const wind = sensors.get('wind');
      const degrees = sensors.get('direction')?.latest;
      if (quantity === 'direction' && wind && degrees !== undefined) showWind(degrees, wind.format());
    });
  }

  /** @param {import('./fleet.js').Device} device */
  #markerOf(device) {
    const known = this.#markers.get(device.id);
    if (known) return known;
    const marker = new Marker(device, () => this.#fleet.select(device.id));
    this.#markers.set(device.id, marker);
    marker.appendTo(byId('trails'), byId('markers'));
    return marker;
  }
}

/**
 * @param {number} degrees where it comes from
 * @param {string} speed
 */
function showWind(degrees, speed) {
  byId('wind-arrow').style.transform = `rotate(${degrees + 180}deg)`;
  byId('wind-speed').textContent = speed;
}
