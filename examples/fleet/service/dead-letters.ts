import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ClientProxy, RpcException } from '@nestjs/microservices';
import { MqttContext, MqttRecord, MqttRecordBuilder, readDeadLetter, replayOf } from 'nestjs-mqtt';
import { lastValueFrom } from 'rxjs';
import { MQTT } from './mqtt.js';

/** Where handlers leave what they cannot handle. */
export const DEAD_LETTERS = 'dead-letters';

/** The User Property by which a message is recognised that is replayed. */
export const LETTER = 'letter';

/** A dead letter as the page shows it. */
export interface Letter {
  readonly id: string;
  readonly state: 'dead' | 'replaying' | 'handled';
  readonly topic: string;
  /** Text, or the bytes in hexadecimal. */
  readonly payload: string;
  readonly error: string;
  readonly attempts: number;
  readonly replays: number;
}

interface Entry {
  readonly letter: Letter;
  readonly message: readonly [topic: string, record: MqttRecord<Buffer>];
}

const KEPT = 30;
const KEPT_HANDLED = 3;

/** Keeps dead letters, and publishes the list of them, retained, to `service/dead-letters`. */
@Injectable()
export class DeadLetters implements OnApplicationBootstrap {
  readonly #entries = new Map<string, Entry>();
  #count = 0;

  constructor(@Inject(MQTT) private readonly client: ClientProxy) {}

  /** How many have come, those included that came again. */
  get count(): number {
    return this.#count;
  }

  onApplicationBootstrap(): void {
    this.#publish(); // an empty list is one, too
  }

  add(context: MqttContext): void {
    this.#count += 1;
    const { topic, payload, error, attempts } = readDeadLetter(context);
    const id = letterOf(context) ?? String(this.#count);
    const replays = this.#entries.get(id)?.letter.replays ?? 0;
    const letter = { id, topic, payload: show(payload), error, attempts, replays };
    this.#set({ letter: { ...letter, state: 'dead' }, message: replayOf(context) });
  }

  /** Publishes the message again, as it was; resolves when the broker has it. */
  async replay(id: string): Promise<void> {
    const { letter, message } = this.#get(id);
    const [topic, { data, options }] = message;
    const properties = { ...options?.properties };
    const userProperties = { ...properties.userProperties, [LETTER]: id };
    this.#set({
      message,
      letter: { ...letter, state: 'replaying', replays: letter.replays + 1 },
    });
    const record = new MqttRecord(data, { qos: 1, properties: { ...properties, userProperties } });
    await lastValueFrom(this.client.emit(topic, record), { defaultValue: undefined });
  }

  /** A message has been handled; perhaps it was replayed. */
  handled(context: MqttContext): void {
    const entry = this.#entries.get(letterOf(context) ?? '');
    if (entry === undefined) return;
    this.#set({ ...entry, letter: { ...entry.letter, state: 'handled' } });
  }

  discard(id: string): void {
    this.#get(id);
    this.#entries.delete(id);
    this.#publish();
  }

  #get(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new RpcException({ message: `There is no dead letter ${id}` });
    return entry;
  }

  #set(entry: Entry): void {
    this.#entries.set(entry.letter.id, entry);
    const ids = [...this.#entries.keys()];
    const handled = ids.filter((id) => this.#entries.get(id)?.letter.state === 'handled');
    for (const id of [...handled.slice(0, -KEPT_HANDLED), ...ids.slice(0, -KEPT)]) this.#entries.delete(id);
    this.#publish();
  }

  #publish(): void {
    const letters = [...this.#entries.values()].map(({ letter }) => letter);
    this.client.emit('service/dead-letters', new MqttRecordBuilder(letters).setQoS(1).setRetain().build());
  }
}

function letterOf({ userProperties }: MqttContext): string | undefined {
  const letter = userProperties[LETTER];
  return typeof letter === 'string' ? letter : undefined;
}

function show(payload: Buffer): string {
  const text = payload.toString();
  const isText = Buffer.from(text).equals(payload) && !/\p{Cc}/u.test(text);
  return isText ? text : payload.toString('hex').replaceAll(/..(?=.)/g, '$& ');
}
