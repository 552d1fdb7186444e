import { Readable } from 'node:stream';
import type { IStore } from 'mqtt';
import type { IPublishPacket, Packet } from 'mqtt-packet';
import { afterWaiting } from './outgoing-message.js';
import type { Kept, KeptMessage, Outbox, SentState } from './outbox.js';

interface Stored {
  readonly packet: IPublishPacket;
  /** When it was published; 0 if it does not matter. */
  readonly sinceMs: number;
  /** In the outbox, if there is one. */
  readonly number: number | undefined;
  /** Once the broker has confirmed with a PUBREC that it has the message. */
  pubrel: Packet | undefined;
}

/** What is known of a message for the outbox that is given to MQTT.js. */
interface Given {
  /** In the outbox, if it waited there. */
  readonly number: number | undefined;
  /** Called when it cannot be written to the outbox: it is not sent. */
  readonly onFailed: (messageId: number, error: Error) => void;
}

type Done = Parameters<IStore['put']>[1];
type PacketDone = Parameters<IStore['del']>[1];

/**
 * What MQTT.js has sent, and the broker has not acknowledged. It is sent again on the next connection: with the DUP flag
 * [MQTT-3.3.1-1] if the session is still the same; if it is another one, which knows nothing of a PUBREC, as it was in the beginning.
 */
export class OutgoingStore implements IStore {
  readonly #stored = new Map<number, Stored>();
  #outbox: Outbox | undefined;
  #resumed = false;
  /** Counts connections: what is written to disk too late for one is sent on the next. */
  #connection = 0;
  #given: Given | undefined;

  /** Whether what is sent is written to disk before. */
  get isPersistent(): boolean {
    return this.#outbox !== undefined;
  }

  /** From now on what is sent is written to disk before. What was sent by a process before is sent again. */
  use(outbox: Outbox, kept: readonly KeptMessage[]): void {
    this.#outbox = outbox;
    for (const { number, packet, sinceMs, sent } of kept) {
      if (sent === undefined) continue;
      const { messageId, received } = sent;
      const pubrel = received ? ({ cmd: 'pubrel', messageId } as const) : undefined;
      this.#stored.set(messageId, { packet: { ...packet, messageId }, sinceMs, number, pubrel });
    }
  }

  /** Forgets what is in memory, and closes the outbox, which has it. */
  async release(): Promise<void> {
    const outbox = this.#outbox;
    this.#outbox = undefined;
    this.#stored.clear();
    await outbox?.close();
  }

  /** Puts a message on disk that waits to be sent. */
  keep(packet: IPublishPacket, sinceMs: number): Kept | undefined {
    return this.#outbox?.add(packet, sinceMs);
  }

  /** Takes a message from the disk that will not be sent. */
  forget(number: number | undefined): void {
    if (number !== undefined) this.#outbox?.remove(number);
  }

  /** Runs what gives a message to MQTT.js that is for the outbox; others are not. */
  as(given: Given, send: () => void): void {
    this.#given = given;
    try {
      send();
    } finally {
      this.#given = undefined;
    }
  }

  /** A CONNACK has come: before MQTT.js asks for what is to be sent again. */
  onConnected(sessionPresent: boolean): void {
    this.#resumed = sessionPresent;
    if (sessionPresent) return;
    for (const [messageId, stored] of this.#stored) {
      if (stored.pubrel === undefined) continue;
      stored.pubrel = undefined;
      void this.#write(stored.number, { messageId, received: false }); // else it is a PUBREL that nobody knows
    }
  }

  onLost(): void {
    this.#connection++;
  }

  put(packet: Packet, done: Done): this {
    if (packet.cmd === 'publish') this.#putPublish(packet, done);
    else this.#putPubrel(packet, done);
    return this;
  }

  createStream(): ReturnType<IStore['createStream']> {
    const packets = Array.from(this.#stored.values(), (stored) => this.#toSend(stored));
    const whenWritten = async function* (outbox: Outbox) {
      await outbox.settled();
      yield* packets;
    };
    const stream = Readable.from(this.#outbox === undefined ? packets : whenWritten(this.#outbox));
    return stream as unknown as ReturnType<IStore['createStream']>;
  }

  get({ messageId }: Pick<Packet, 'messageId'>, done: PacketDone): this {
    const stored = this.#stored.get(messageId!);
    if (stored === undefined) done(new Error('missing packet'));
    else done(undefined, stored.packet);
    return this;
  }

  del({ messageId }: Pick<Packet, 'messageId'>, done: PacketDone): this {
    const stored = this.#stored.get(messageId!);
    this.#stored.delete(messageId!);
    this.forget(stored?.number);
    if (stored === undefined) done(new Error('missing packet'));
    else done(undefined, stored.packet);
    return this;
  }

  /** MQTT.js is done with it; the outbox is not its own. */
  close(done: Done): void {
    done();
  }

  #putPublish(packet: IPublishPacket, done: Done): void {
    const messageId = packet.messageId!;
    const given = this.#given;
    const expires = packet.properties?.messageExpiryInterval !== undefined;
    const sinceMs = expires || given !== undefined ? Date.now() : 0;
    const number = given && (given.number ?? this.#outbox?.add(packet, sinceMs).number);
    this.#stored.set(messageId, { packet, sinceMs, number, pubrel: undefined });
    const written = this.#write(number, { messageId, received: false });
    if (written === undefined) done();
    else {
      this.#continue(written, done, (error) => {
        this.#stored.delete(messageId);
        given?.onFailed(messageId, error);
      });
    }
  }

  /** Sent once it is on disk: a PUBLISH that is sent again after its PUBREL would be another message [MQTT-4.3.3-6]. */
  #putPubrel(packet: Packet, done: Done): void {
    const messageId = packet.messageId!;
    const stored = this.#stored.get(messageId);
    if (stored !== undefined) stored.pubrel = packet;
    const written = this.#write(stored?.number, { messageId, received: true });
    if (written === undefined) done();
    else this.#continue(written, done, () => done());
  }

  #write(number: number | undefined, sent: SentState): Promise<void> | undefined {
    return number === undefined ? undefined : this.#outbox?.setSent(number, sent);
  }

  /** What is on disk after the connection was lost is sent on the next one. */
  #continue(written: Promise<void>, done: Done, onFailed: (error: Error) => void): void {
    const connection = this.#connection;
    written.then(
      () => {
        if (connection === this.#connection) done();
      },
      (error: unknown) => onFailed(error as Error),
    );
  }

  /** MQTT.js writes Topic Aliases into what it is given. */
  #toSend({ packet, pubrel, sinceMs }: Stored): Packet {
    if (pubrel !== undefined) return { ...pubrel };
    const dup = packet.dup || this.#resumed;
    if (packet.properties?.messageExpiryInterval === undefined) return { ...packet, dup };
    const left = afterWaiting(packet, Date.now() - sinceMs)?.properties;
    return { ...packet, dup, properties: left ?? { ...packet.properties, messageExpiryInterval: 1 } };
  }
}
