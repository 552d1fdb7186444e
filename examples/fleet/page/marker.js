import { svgElement } from './element.js';

/** @typedef {import('./fleet.js').Device} Device */

/** Outlines in metres, larger than life, heading north. */
const SHAPES = {
  ferry: 'M0,-17 C5,-14 6,-9 6,-6 L6,9 C6,13 4,16 0,17 C-4,16 -6,13 -6,9 L-6,-6 C-6,-9 -5,-14 0,-17 Z',
  tug: 'M0,-12 C5,-8 6,-3 6,2 L5,11 L-5,11 L-6,2 C-6,-3 -5,-8 0,-12 Z',
  pilot: 'M0,-12 C3,-7 4,-2 4,3 L3,10 L-3,10 L-4,3 C-4,-2 -3,-7 0,-12 Z',
  coaster:
    'M0,-26 C5,-20 7,-14 7,-9 L7,21 C7,24 5,26 3,26 L-3,26 C-5,26 -7,24 -7,21 L-7,-9 C-7,-14 -5,-20 0,-26 Z',
  buoy: 'M-5,4 L0,-9 L5,4 Z',
  mast: 'M-6,0 A6,6 0 1 0 6,0 A6,6 0 1 0 -6,0 Z',
  gauge: 'M-5,-5 H5 V5 H-5 Z',
  crane: 'M-9,-13 H9 V-9 H3 V27 H-3 V-9 H-9 Z',
  customs: 'M-10,-7 H10 V7 H-10 Z',
};

/** What is drawn upon the hull, so that a bow can be told from a stern. */
const DETAILS = {
  ferry: 'M-3.5,-5 H3.5 V6 H-3.5 Z',
  tug: 'M-3,-2 H3 V4 H-3 Z',
  pilot: 'M-2,-1 H2 V5 H-2 Z',
  coaster: 'M-4,13 H4 V21 H-4 Z',
  buoy: 'M-7,7 Q0,10 7,7',
  mast: 'M0,0 V-15',
  gauge: 'M0,-9 V9',
  crane: '',
  customs: 'M-10,-2 H10',
};

const TRAIL_POINTS = 70;

/** A device on the map: where it is, where it was, and how it is called. */
export class Marker {
  /** @type {string[]} */
  #trail = [];
  /** Beyond 360 degrees, so that a turn over north goes the short way. */
  #heading = 0;
  #group;
  #body;
  #line = svgElement('polyline', { class: 'trail' });
  #swell = svgElement('circle', { class: 'swell' });

  /**
   * @param {Device} device
   * @param {() => void} onClick
   */
  constructor({ id, about }, onClick) {
    const { kind, name } = about;
    this.#body = svgElement(
      'g',
      { class: 'body' },
      svgElement('path', { class: 'hull', d: SHAPES[kind] }),
      svgElement('path', { class: 'detail', d: DETAILS[kind] }),
    );
    const label = svgElement('text', { class: 'label', x: 0, y: kind === 'coaster' ? 42 : 30 });
    label.textContent = name.replace(' buoy', '');
    this.#group = svgElement(
      'g',
      { class: `marker ${kind}`, 'data-device': id, tabindex: 0, role: 'button', 'aria-label': name },
      svgElement('circle', { class: 'halo', r: 24 }),
      this.#swell,
      this.#body,
      label,
    );
    this.#group.addEventListener('click', onClick);
    this.#group.addEventListener('keydown', ({ key }) => ['Enter', ' '].includes(key) && onClick());
  }

  /**
   * @param {Element} trails
   * @param {Element} markers
   */
  appendTo(trails, markers) {
    trails.append(this.#line);
    markers.append(this.#group);
  }

  /** @param {Device} device */
  update({ online, position }) {
    const { x, y, heading = 0, light = false } = position;
    this.#heading += ((heading - this.#heading + 540) % 360) - 180;
    this.#group.style.transform = `translate(${x}px, ${y}px)`;
    this.#body.style.transform = `rotate(${this.#heading}deg)`;
    this.#group.classList.toggle('offline', !online);
    if (!online) this.#trail = []; // where it goes now nobody knows
    this.#group.classList.toggle('light', light);
  }

  /** The marker is still on its way to the newest position: its trail ends at the one before. @param {Device} device */
  leaveTrail({ position: { x, y } }) {
    this.#line.setAttribute('points', this.#trail.join(' '));
    this.#trail = [...this.#trail.slice(1 - TRAIL_POINTS), `${x},${y}`];
  }

  /** Waves are a ring: the higher, the wider. @param {number} metres */
  setWaves(metres) {
    this.#swell.setAttribute('r', String(8 + 14 * metres));
  }

  /** @param {boolean} selected */
  setSelected(selected) {
    this.#group.classList.toggle('selected', selected);
  }
}
