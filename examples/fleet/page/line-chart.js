import uPlot from '/vendor/uplot/uPlot.esm.js';
import { element } from './element.js';
import { Series, WINDOW_SECONDS } from './series.js';

/**
 * @typedef {object} LineChartOptions
 * @property {readonly string[]} colours names of CSS variables, one for each line
 * @property {boolean} [axis] whether the values have an axis; default: not
 * @property {boolean} [fill] whether the first line is filled; default: not
 * @property {number} [from] the lowest value that is always shown
 * @property {(values: readonly number[] | undefined) => void} [onHover] is given the values below the pointer
 */

/** Draws a series; follows the size of its element, and the colours of the page. */
export class LineChart {
  #series;
  #drawing = false;
  #plot;

  /**
   * @param {HTMLElement} parent
   * @param {LineChartOptions} options
   */
  constructor(parent, options) {
    this.#series = new Series(options.colours.length);
    this.#plot = new uPlot(toPlotOptions(parent, options), this.#data(), parent);
    new ResizeObserver(() => this.#plot.setSize(sizeOf(parent))).observe(parent);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#plot.redraw());
    document.addEventListener('themechange', () => this.#plot.redraw());
  }

  /** Before the next frame, and as it is then. @param {Series} series */
  draw(series) {
    this.#series = series;
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#plot.setData(this.#data());
    });
  }

  /** @returns {import('uplot').AlignedData} */
  #data() {
    return [this.#series.times, ...this.#series.lines];
  }
}

/**
 * @param {HTMLElement} parent
 * @param {LineChartOptions} options
 * @returns {import('uplot').Options}
 */
function toPlotOptions(parent, { colours, axis = false, fill = false, from, onHover }) {
  return {
    ...sizeOf(parent),
    legend: { show: false },
    padding: [4, 0, 2, 0],
    cursor: { show: onHover !== undefined, y: false, points: { size: 5 }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: (_, __, last) => [(last ?? 0) - WINDOW_SECONDS, last ?? 0] },
      y: { range: (_, min, max) => rangeOf(min, max, from) },
    },
    axes: [{ show: false }, axis ? valueAxis() : { show: false }],
    series: [
      {},
      ...colours.map((name, index) => ({
        width: 1.5,
        points: { show: false },
        stroke: () => colour(name),
        ...(fill && index === 0 && { fill: () => colour(name, 0.12) }),
      })),
    ],
    hooks: {
      setCursor: [
        ({ cursor: { idx }, data }) => {
          const [, ...lines] = data;
          onHover?.(idx == null ? undefined : lines.map((line) => line[idx] ?? 0));
        },
      ],
    },
  };
}

/** @returns {import('uplot').Axis} */
function valueAxis() {
  return {
    size: 34,
    gap: 4,
    space: 15,
    font: '10px Inter, system-ui, sans-serif',
    stroke: () => colour('--text-faint'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
  };
}

/**
 * Some room above and below, so that noise does not look like a storm.
 * @param {number | null} min
 * @param {number | null} max
 * @param {number | undefined} from
 * @returns {[number, number]}
 */
function rangeOf(min, max, from) {
  const low = Math.min(min ?? 0, from ?? Infinity);
  const high = max ?? 1;
  const room = Math.max((high - low) * 0.15, Math.abs(high) * 0.02, 0.05);
  return [from === undefined ? low - room : low, high + room];
}

/** @param {HTMLElement} parent */
function sizeOf(parent) {
  return { width: Math.max(parent.clientWidth, 10), height: Math.max(parent.clientHeight, 10) };
}

/** Of an element with that colour: a variable itself may be a `light-dark()`, which a canvas does not know. */
const probe = document.body.appendChild(element('span'));
probe.hidden = true;

/**
 * @param {string} name
 * @param {number} [alpha]
 */
function colour(name, alpha = 1) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color.replace(')', `, ${alpha})`);
}
