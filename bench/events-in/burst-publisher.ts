import type { Packet, QoS } from 'mqtt-packet';
import { RawClient } from '../support/raw-client.js';
import { readingOf, topicOf } from '../support/reading.js';

const MAX_PACKET_IDENTIFIER = 65_535;

/** Writes bursts of messages, and waits for the broker to answer for each burst. */
export class BurstPublisher implements AsyncDisposable {
  #client!: RawClient;
  #published = 0;
  #unanswered = 0;
  #onAnswered: (() => void) | undefined;

  static async connect(url: string, protocolVersion: 4 | 5): Promise<BurstPublisher> {
    const publisher = new BurstPublisher();
    publisher.#client = await RawClient.connect(url, { protocolVersion, clientId: 'publisher' }, (packets) =>
      publisher.#take(packets),
    );
    return publisher;
  }

  /** Resolves when the broker has answered for all, which is when mosquitto has handed them on. */
  async publish(prefix: string, messages: number, qos: QoS): Promise<void> {
    const answered = new Promise<void>((resolve) => (this.#onAnswered = resolve));
    const burst = Array.from({ length: messages }, () => this.#next(prefix, qos));
    if (qos === 0) burst.push(toPublish('bench/written', '', 1, 1)); // QoS 0 has no answer, but this has
    this.#unanswered = qos === 0 ? 1 : messages;
    this.#client.write(burst);
    await answered;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  #next(prefix: string, qos: QoS): Packet {
    const number = this.#published++;
    const reading = readingOf(number);
    const messageId = (number % MAX_PACKET_IDENTIFIER) + 1;
    return toPublish(topicOf(prefix, reading), JSON.stringify(reading), qos, messageId);
  }

  #take(packets: readonly Packet[]): void {
    const received = packets.filter(({ cmd }) => cmd === 'pubrec');
    if (received.length > 0)
      this.#client.write(received.map(({ messageId }) => ({ cmd: 'pubrel', messageId }) as Packet));
    const answers = packets.filter(({ cmd }) => cmd === 'puback' || cmd === 'pubcomp').length;
    this.#unanswered -= answers;
    if (answers > 0 && this.#unanswered === 0) this.#onAnswered?.();
  }
}

function toPublish(topic: string, payload: string, qos: QoS, messageId: number): Packet {
  return { cmd: 'publish', topic, payload, qos, messageId, dup: false, retain: false };
}
