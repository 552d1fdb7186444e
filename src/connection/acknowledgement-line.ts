import type { Duplex } from 'node:stream';
import { generate } from 'mqtt-packet';
import type { Decision } from '../message/decision.js';

/** A message in the line: answered when it is decided, and all before it are. */
export interface Awaiting {
  readonly messageId: number;
  readonly qos: 1 | 2;
  readonly decision: Decision | undefined;
}

/**
 * The acknowledgements of one network connection, written in the order in which the messages came [MQTT-4.6.0-2]
 * [MQTT-4.6.0-3], all of one turn of the event loop at once. What was withheld has left the line.
 */
export class AcknowledgementLine<T extends Awaiting> {
  readonly stream: Duplex;
  readonly #protocolVersion: number;
  readonly #onWrite: (answered: T) => void;
  readonly #awaiting: T[] = [];
  #packets: Buffer[] = [];
  #open = true;

  /** @param onWrite called when an acknowledgement is on its way, before anything that comes after it */
  constructor(stream: Duplex, protocolVersion: number, onWrite: (answered: T) => void) {
    this.stream = stream;
    this.#protocolVersion = protocolVersion;
    this.#onWrite = onWrite;
  }

  get open(): boolean {
    return this.#open;
  }

  enter(message: T): void {
    this.#awaiting.push(message);
    if (message.decision !== undefined) this.advance();
  }

  /** Answers for those at the head of the line that are decided. */
  advance(): void {
    while (this.#open && this.#awaiting[0]?.decision !== undefined) {
      const message = this.#awaiting.shift()!;
      if (message.decision!.kind === 'withhold') continue;
      if (this.#packets.push(this.#acknowledgement(message)) === 1) setImmediate(() => this.flush());
      this.#onWrite(message);
    }
  }

  /** Writes now what would be written in this turn. */
  flush(): void {
    const packets = this.#packets;
    this.#packets = [];
    if (this.#open && packets.length > 0) this.stream.write(Buffer.concat(packets));
  }

  /** Forgets everything: an acknowledgement on a later connection could answer for another message. */
  close(): T[] {
    this.#open = false;
    this.#packets = [];
    return this.#awaiting.splice(0);
  }

  #acknowledgement({ messageId, qos, decision }: T): Buffer {
    const cmd = qos === 1 ? 'puback' : 'pubrec';
    const reasonCode = decision?.kind === 'reject' ? decision.reasonCode : 0; // not encoded on 3.1.1
    return generate({ cmd, messageId, reasonCode }, { protocolVersion: this.#protocolVersion });
  }
}
