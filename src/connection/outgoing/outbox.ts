import type { BatchOperation, ClassicLevel } from 'classic-level';
import { generate, parser, type IPublishPacket, type Packet } from 'mqtt-packet';
import { ConfigurationError, describeError } from '../../errors.js';
import type { OutboxOptions } from './outgoing-options.js';

type Database = ClassicLevel<string, Buffer>;
type Operation = BatchOperation<Database, string, Buffer>;

/** A message as it was found when the outbox was opened. */
export interface KeptMessage {
  /** Its place in the order of publishing. */
  readonly number: number;
  readonly packet: IPublishPacket;
  /** When it was published. */
  readonly sinceMs: number;
  /** `undefined` if it was never sent. */
  readonly sent: SentState | undefined;
}

/** How far the exchange of a message has come. */
export interface SentState {
  readonly messageId: number;
  /** The broker has confirmed with a PUBREC that it has it (QoS 2). */
  readonly received: boolean;
}

/** A message that has been added. */
export interface Kept {
  readonly number: number;
  /** Resolves when it is on disk. */
  readonly written: Promise<void>;
}

interface Write {
  readonly operations: Operation[];
  readonly written: Promise<void>;
}

const NUMBER_LENGTH = 16;
const TIME_LENGTH = 8;

/**
 * QoS 1 and QoS 2 messages on disk, from their publish to the end of their exchange. A record for each, `<number>/message`, is its
 * time and its PUBLISH packet of MQTT 5; a second one, `<number>/sent`, its Packet Identifier. What is to be written while a write is under way is the next one, as a whole.
 */
export class Outbox {
  readonly #database: Database;
  readonly #sync: boolean;
  #lastWrite: Promise<void> = Promise.resolve();
  #nextWrite: Write | undefined;
  #nextNumber = 0;

  private constructor(database: Database, sync: boolean) {
    this.#database = database;
    this.#sync = sync;
  }

  /** @throws {ConfigurationError} if the database is not installed, in use, or cannot be opened */
  static async open({ path, sync = false }: OutboxOptions): Promise<Outbox> {
    const { ClassicLevel: Level } = await importDatabase();
    const database: Database = new Level<string, Buffer>(path, { valueEncoding: 'buffer' });
    try {
      await database.open();
    } catch (error) {
      throw cannotOpen(path, error as Error);
    }
    return new Outbox(database, sync);
  }

  /**
   * What it has, in the order of publishing; before anything is added.
   * @throws {ConfigurationError} if it cannot be read; it is closed then
   */
  async load(): Promise<KeptMessage[]> {
    try {
      return await this.#read();
    } catch (error) {
      await this.close();
      throw cannotOpen(this.#database.location, error as Error);
    }
  }

  add(packet: IPublishPacket, sinceMs: number): Kept {
    const number = this.#nextNumber++;
    const value = formatMessage(packet, sinceMs);
    return { number, written: this.#write({ type: 'put', key: messageKey(number), value }) };
  }

  /** Resolves when that is on disk, and with it what was added before. */
  setSent(number: number, sent: SentState): Promise<void> {
    return this.#write({ type: 'put', key: sentKey(number), value: formatSent(sent) });
  }

  /** One that is not removed in time, before a crash, is sent again. */
  remove(number: number): void {
    void this.#write({ type: 'del', key: messageKey(number) }); // a write's failure is that of those who wait for it
    void this.#write({ type: 'del', key: sentKey(number) });
  }

  /** Resolves when everything has been written that was to be. */
  async settled(): Promise<void> {
    while (this.#nextWrite !== undefined) await this.#lastWrite;
    await this.#lastWrite;
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#database.close();
  }

  async #read(): Promise<KeptMessage[]> {
    const kept: KeptMessage[] = [];
    for await (const [key, value] of this.#database.iterator()) {
      const number = Number(key.slice(0, NUMBER_LENGTH));
      const last = kept.at(-1);
      if (last?.number === number) kept[kept.length - 1] = { ...last, sent: parseSent(value) };
      else kept.push({ number, ...parseMessage(value), sent: undefined });
      this.#nextNumber = number + 1;
    }
    return kept;
  }

  #write(operation: Operation): Promise<void> {
    this.#nextWrite ??= this.#collect();
    this.#nextWrite.operations.push(operation);
    return this.#nextWrite.written;
  }

  #collect(): Write {
    const operations: Operation[] = [];
    const written = this.#lastWrite.then(async () => {
      this.#nextWrite = undefined;
      await this.#writeNow(operations);
    });
    this.#lastWrite = written.catch(() => undefined);
    return { operations, written };
  }

  async #writeNow(operations: Operation[]): Promise<void> {
    try {
      await this.#database.batch(operations, { sync: this.#sync });
    } catch (cause) {
      throw new Error(`the outbox cannot be written (${describeError(cause)})`, { cause });
    }
  }
}

async function importDatabase() {
  try {
    return await import('classic-level');
  } catch (cause) {
    const message = 'The option outbox needs the package classic-level: npm install classic-level';
    throw new ConfigurationError(message, { cause });
  }
}

/** LevelDB says why in the cause. */
function cannotOpen(path: string, error: Error): ConfigurationError {
  const cause = (error.cause ?? error) as Error & { readonly code?: unknown };
  const isLocked = cause.code === 'LEVEL_LOCKED';
  const why = isLocked ? 'it is in use, by another process or another connection' : cause.message;
  return new ConfigurationError(`Cannot open the outbox "${path}": ${why}`, { cause: error });
}

function messageKey(number: number): string {
  return `${String(number).padStart(NUMBER_LENGTH, '0')}/message`;
}

function sentKey(number: number): string {
  return `${String(number).padStart(NUMBER_LENGTH, '0')}/sent`; // comes after that of the message
}

function formatMessage(packet: IPublishPacket, sinceMs: number): Buffer {
  const time = Buffer.alloc(TIME_LENGTH);
  time.writeDoubleBE(sinceMs);
  return Buffer.concat([time, generate({ ...packet, messageId: 1 }, { protocolVersion: 5 })]);
}

function parseMessage(value: Buffer): { readonly packet: IPublishPacket; readonly sinceMs: number } {
  const packets: Packet[] = [];
  const stream = parser({ protocolVersion: 5 });
  stream.on('packet', (packet) => packets.push(packet));
  stream.parse(value.subarray(TIME_LENGTH));
  const [packet] = packets;
  if (packet?.cmd !== 'publish') throw new Error('a record is not a message');
  return { packet, sinceMs: value.readDoubleBE(0) };
}

function formatSent({ messageId, received }: SentState): Buffer {
  const value = Buffer.alloc(3);
  value.writeUInt16BE(messageId, 0);
  value.writeUInt8(received ? 1 : 0, 2);
  return value;
}

function parseSent(value: Buffer): SentState {
  return { messageId: value.readUInt16BE(0), received: value.readUInt8(2) === 1 };
}
