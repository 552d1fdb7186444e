import { byId, element } from './element.js';
import { LineChart } from './line-chart.js';
import { post } from './post.js';
import { Series } from './series.js';

/**
 * What the service publishes every second.
 * @typedef {object} Statistics
 * @property {number} at milliseconds since 1970
 * @property {number} published
 * @property {number} clients
 * @property {number} handled
 * @property {number} retried
 * @property {number} lost
 * @property {{ p50: number, p99: number }} latencyMs
 */

const PROBE_MS = 2000;

/** Rates, latencies and losses, as the service and this page have measured them. */
export class Pulse {
  #published = new Tile('published', ['--blue']);
  #handled = new Tile('handled', ['--teal']);
  #latency = new Tile('latency', ['--orange', '--violet']);
  #page = new Tile('page', ['--orange']);
  #lost = new Tile('lost', ['--red']);
  /** @type {Statistics | undefined} */
  #previous;
  #received = 0;
  #roundTrip = '–';
  #broker;

  /**
   * @param {import('./broker.js').Broker} broker
   * @param {readonly Statistics[]} history what the service has published before
   */
  constructor(broker, history) {
    this.#broker = broker;
    for (const statistics of history) this.#show(statistics);
    broker.subscribe('service/statistics', (_, payload) => {
      const now = JSON.parse(payload);
      this.#showPage(now);
      this.#show(now);
    });
    setInterval(() => void this.#probe(), PROBE_MS);
    byId('storm').addEventListener('click', () => void post('simulation/storm'));
  }

  async #probe() {
    this.#roundTrip = await this.#broker.roundTripMs().then(
      (milliseconds) => `${ms(milliseconds)} ms`,
      () => '–',
    );
  }

  /** @param {Statistics} now */
  #show(now) {
    const then = this.#previous ?? now;
    this.#previous = now;
    const seconds = (now.at - then.at) / 1000;
    if (seconds <= 0 || now.published < then.published) return; // the first one, since the service was started again
    const at = now.at / 1000;
    const { p50, p99 } = now.latencyMs;
    const published = (now.published - then.published) / seconds;
    const handled = (now.handled - then.handled) / seconds;
    this.#published.show(at, whole(published), `${now.clients} clients`, [published]);
    this.#handled.show(at, whole(handled), `${whole(now.handled)} in all`, [handled]);
    this.#latency.show(at, ms(p50), `99 %: ${ms(p99)} ms`, [p99, p50]);
    this.#lost.show(at, whole(now.lost), `${whole(now.retried)} runs repeated`, [now.lost - then.lost]);
  }

  /** What this page has received since the statistics before. @param {Statistics} now */
  #showPage(now) {
    const { received } = this.#broker;
    const seconds = (now.at - (this.#previous?.at ?? now.at)) / 1000;
    const rate = (received - this.#received) / seconds;
    this.#received = received;
    if (seconds > 0) this.#page.show(now.at / 1000, whole(rate), `round trip ${this.#roundTrip}`, [rate]);
  }
}

class Tile {
  #value;
  #note;
  #chart;
  #series;

  /**
   * @param {string} id
   * @param {readonly string[]} colours
   */
  constructor(id, colours) {
    const tile = byId(id);
    this.#series = new Series(colours.length);
    this.#value = tile.querySelector('.number') ?? element('b');
    this.#note = tile.querySelector('.note') ?? element('b');
    this.#chart = new LineChart(/** @type {HTMLElement} */ (tile.querySelector('.plot')), {
      colours,
      fill: true,
      from: 0,
    });
  }

  /**
   * @param {number} seconds
   * @param {string} value
   * @param {string} note
   * @param {readonly number[]} values
   */
  show(seconds, value, note, values) {
    this.#value.textContent = value;
    this.#note.textContent = note;
    this.#series.add(seconds, ...values);
    this.#chart.draw(this.#series);
  }
}

/** @param {number} number */
function whole(number) {
  return Math.round(number).toLocaleString('en');
}

/** @param {number} milliseconds */
function ms(milliseconds) {
  return milliseconds < 10 ? milliseconds.toFixed(2) : milliseconds.toFixed(0);
}
