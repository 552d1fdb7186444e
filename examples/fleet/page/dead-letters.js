import { byId, element } from './element.js';

/**
 * @typedef {object} Letter
 * @property {string} id
 * @property {'dead' | 'replaying' | 'handled'} state
 * @property {string} topic
 * @property {string} payload
 * @property {string} error
 * @property {number} attempts
 * @property {number} replays
 */

/** What could not be handled. Replaying and discarding are requests over MQTT, which a handler of the service answers. */
export class DeadLetters {
  #broker;

  /** @param {import('./broker.js').Broker} broker */
  constructor(broker) {
    this.#broker = broker;
    broker.subscribe('service/dead-letters', (_, payload) => this.#show(JSON.parse(payload)));
  }

  /** @param {readonly Letter[]} letters */
  #show(letters) {
    byId('letters').replaceChildren(...letters.map((letter) => this.#row(letter)).toReversed());
    const dead = letters.filter(({ state }) => state === 'dead').length;
    byId('letter-count').textContent = dead === 0 ? 'none' : String(dead);
  }

  /** @param {Letter} letter */
  #row(letter) {
    const { id, state, topic, payload, error } = letter;
    const row = element(
      'li',
      'letter',
      element('strong', '', error),
      element('span', 'note', `${topic.split('/').slice(1).join(' / ')} · ${historyOf(letter)}`),
      state === 'dead'
        ? element('span', 'actions', this.#button(id, 'replay'), this.#button(id, 'discard'))
        : element('span', 'state', state === 'handled' ? 'handled' : 'replaying …'),
    );
    row.dataset.letter = id;
    row.dataset.state = state;
    row.title = payload;
    return row;
  }

  /**
   * @param {string} id
   * @param {'replay' | 'discard'} action
   */
  #button(id, action) {
    const button = element('button', action, action === 'replay' ? 'Replay' : '×');
    button.title = action === 'replay' ? 'Publish it again' : 'Discard';
    button.addEventListener('click', () => void this.#ask(button, `service/dead-letters/${id}/${action}`));
    return button;
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {string} topic
   */
  async #ask(button, topic) {
    button.disabled = true; // until the list comes again
    try {
      await this.#broker.request(topic);
    } catch (error) {
      button.disabled = false;
      button.title = /** @type {Error} */ (error).message;
    }
  }
}

/** @param {Letter} letter */
function historyOf({ attempts, replays }) {
  const runs = attempts === 1 ? 'run once' : `run ${attempts} times`;
  if (replays === 0) return runs;
  return `${runs}, replayed ${replays === 1 ? 'once' : `${replays} times`}`;
}
