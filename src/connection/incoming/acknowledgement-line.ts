import type { Duplex } from 'node:stream';
import { generate } from 'mqtt-packet';
import type { Decision } from '../../message/decision.js';

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
  /** Decided, and about to be written. */
  #decided: T[] = [];
  #open = true;

  /** @param onWrite called when an acknowledgement has been written */
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
      if (this.#decided.push(message) === 1) setImmediate(() => this.flush());
    }
  }

  /** Writes now what would be written in this turn. */
  flush(): void {
    if (!this.#open || this.#decided.length === 0) return;
    const decided = this.#decided;
    this.#decided = [];
    this.stream.write(Buffer.concat(decided.map((message) => this.#acknowledgement(message))));
    for (const message of decided) this.#onWrite(message);
  }

  /**
   * Forgets everything, for an acknowledgement on a later connection could answer for another message; gives back what was
   * not written.
   */
  close(): T[] {
    this.#open = false;
    return [...this.#decided.splice(0), ...this.#awaiting.splice(0)];
  }

  #acknowledgement({ messageId, qos, decision }: T): Buffer {
    const cmd = qos === 1 ? 'puback' : 'pubrec';
    const reasonCode = decision?.kind === 'reject' ? decision.reasonCode : 0; // not encoded on 3.1.1
    return generate({ cmd, messageId, reasonCode }, { protocolVersion: this.#protocolVersion });
  }
}
