import mqtt from '/vendor/mqtt/mqtt.esm.js';

/**
 * @typedef {(levels: string[], payload: string) => void} Handler is given the levels that `+` and `#` stood for
 * @typedef {{ resolve: (answer: unknown) => void, reject: (error: Error) => void }} Pending
 */

const REQUEST_TIMEOUT_MS = 5000;

/** The page's connection to the broker: MQTT 5 over a WebSocket. */
export class Broker {
  /** How many messages have arrived. */
  received = 0;
  /** @type {{ readonly filter: RegExp, readonly handle: Handler }[]} */
  #handlers = [];
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  #ownTopic = `pages/${randomId()}`;
  #client;

  /** @param {(state: 'online' | 'offline') => void} onState */
  constructor(onState) {
    const { protocol, host } = location;
    this.#client = mqtt.connect(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/mqtt`, {
      protocolVersion: 5,
      reconnectPeriod: 1000,
      timerVariant: 'native', // the other one wants a worker, which the Content Security Policy does not allow
    });
    this.#client.on('connect', () => onState('online'));
    this.#client.on('close', () => onState('offline'));
    this.#client.on('message', (topic, payload, { properties }) => {
      try {
        this.#receive(topic, payload.toString(), properties);
      } catch (error) {
        reportError(error); // what one message is not must not end the others
      }
    });
    this.#client.subscribe(`${this.#ownTopic}/#`, { qos: 1 });
  }

  /**
   * @param {string} filter
   * @param {Handler} handle
   */
  subscribe(filter, handle) {
    const pattern = filter.replaceAll('+', '([^/]+)').replace('#', '(.+)');
    this.#handlers.push({ filter: new RegExp(`^${pattern}$`), handle });
    this.#client.subscribe(filter, { qos: 1 });
  }

  /**
   * A request as MQTT 5 means it: with a Response Topic and Correlation Data.
   * @param {string} topic
   * @param {string} [payload]
   * @returns {Promise<unknown>} what the responder answers
   */
  request(topic, payload = '{}') {
    const correlation = randomId();
    /** @type {Promise<unknown>} */
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(correlation, { resolve, reject });
      setTimeout(() => reject(new Error(`No answer within ${REQUEST_TIMEOUT_MS} ms`)), REQUEST_TIMEOUT_MS);
    });
    this.#publish(topic, payload, correlation);
    return answer.finally(() => this.#pending.delete(correlation));
  }

  /** How long a message takes to the broker and back, in milliseconds. */
  async roundTripMs() {
    const begin = performance.now();
    await this.request(`${this.#ownTopic}/echo`);
    return performance.now() - begin;
  }

  /**
   * @param {string} topic
   * @param {string} payload
   * @param {string} correlation
   */
  #publish(topic, payload, correlation) {
    const correlationData = /** @type {never} */ (new TextEncoder().encode(correlation)); // its type wants a Buffer
    const responseTopic = `${this.#ownTopic}/answers`;
    this.#client.publish(topic, payload, { properties: { responseTopic, correlationData } });
  }

  /**
   * @param {string} topic
   * @param {string} payload
   * @param {import('mqtt').IPublishPacket['properties']} properties
   */
  #receive(topic, payload, properties) {
    this.received += 1;
    if (properties?.correlationData === undefined) this.#dispatch(topic, payload);
    else this.#settle(properties, payload);
  }

  /**
   * @param {string} topic
   * @param {string} payload
   */
  #dispatch(topic, payload) {
    for (const { filter, handle } of this.#handlers) {
      const found = filter.exec(topic);
      if (found) handle(found.slice(1), payload);
    }
  }

  /**
   * @param {import('mqtt').IPublishPacket['properties'] & object} properties
   * @param {string} payload
   */
  #settle({ correlationData, userProperties }, payload) {
    const pending = this.#pending.get(String(correlationData));
    const value = payload === '' ? undefined : JSON.parse(payload);
    if (userProperties?.['nest-reply'] === 'error') pending?.reject(new Error(value.message));
    else pending?.resolve(value);
  }
}

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
