import { Aedes } from 'aedes';
import { autoCodec, type MqttRecordOptions } from '../index.js';
import { covers } from './covers.js';
import { Inbox, type WaitOptions } from './inbox.js';
import { describePublished, toPublishedMessage, type PublishedMessage } from './published-message.js';
import { serve, type Listener } from './serve.js';

/** Where a test broker listens, and what it is. */
export interface MqttTestBrokerOptions {
  /** Default: a free one. The `port` of a broker that was closed, to come back in its place. */
  readonly port?: number;
  /**
   * The Aedes to serve: one with options or hooks of its own, or of another version. It is closed with the broker. Default
   * `Aedes.createBroker()`.
   */
  readonly aedes?: Aedes | Promise<Aedes>;
}

/**
 * An MQTT broker for a test: [Aedes](https://github.com/moscajs/aedes) in this process, on a free port of the loopback address.
 * Aedes 1 speaks MQTT 3.1.1, Aedes 2 MQTT 5 as well.
 *
 * @example
 * ```ts
 * await using broker = await MqttTestBroker.start();
 * await broker.publish('meters/7/reading', { kwh: 3 });
 * const { data } = await broker.waitFor('alarms/+');
 * ```
 */
export class MqttTestBroker implements AsyncDisposable {
  /** Where it listens, on the loopback address. */
  readonly port: number;
  readonly #aedes: Aedes;
  readonly #listener: Listener;
  readonly #published: Inbox<PublishedMessage>;
  readonly #refused: Set<RefusedFilter>;
  #closing: Promise<void> | undefined;

  private constructor(aedes: Aedes, listener: Listener, { published, refused }: Watched) {
    this.#aedes = aedes;
    this.#listener = listener;
    this.#published = published;
    this.#refused = refused;
    this.port = listener.port;
  }

  /** Starts a broker; resolves when it takes connections. */
  static async start({ port = 0, aedes: given }: MqttTestBrokerOptions = {}): Promise<MqttTestBroker> {
    const aedes = await (given ?? Aedes.createBroker());
    const watched = watch(aedes);
    try {
      const listener = await serve((socket) => aedes.handle(socket), port);
      return new MqttTestBroker(aedes, listener, watched);
    } catch (error) {
      aedes.close(); // its timers would keep the process
      throw error;
    }
  }

  /** Such as `mqtt://127.0.0.1:49152`. */
  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** What clients published, in order, also what was refused; not what {@link MqttTestBroker.publish} does. */
  get published(): readonly PublishedMessage[] {
    return this.#published.messages;
  }

  /**
   * The oldest message, published before or after the call, whose topic the filter matches, that the predicate accepts, and that no
   * `waitFor` has returned yet.
   * @param filter a Topic Name or a Topic Filter, with named levels or without
   * @throws after `timeoutMs` (default 2000), with a list of what was published
   */
  waitFor<TData = unknown>(
    filter: string,
    predicate: (message: PublishedMessage<TData>) => boolean = () => true,
    options: WaitOptions = {},
  ): Promise<PublishedMessage<TData>> {
    const accepts = predicate as (message: PublishedMessage) => boolean;
    const published = this.#published.next(filter, accepts, options, 'Nothing was published to');
    return published as Promise<PublishedMessage<TData>>;
  }

  /**
   * Publishes as a device would: bytes as they are, a string as UTF-8, anything else as JSON, and no properties but those that are given.
   * Resolves when the broker has sent it to those that have subscribed.
   * @throws {CodecError} if the data has no form in JSON
   */
  async publish(topic: string, data: unknown, options: MqttRecordOptions = {}): Promise<void> {
    if (/[+#]/.test(topic)) throw new Error(`Cannot publish to "${topic}": a Topic Name has no wildcards`);
    const { payload } = autoCodec.encode(data);
    const { qos = 0, retain = false, dup = false, properties } = options;
    const packet = {
      cmd: 'publish',
      topic,
      payload,
      qos,
      retain,
      dup,
      ...(properties && { properties }),
    } as const;
    await new Promise<void>((resolve, reject) => {
      this.#aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Closes every connection without a DISCONNECT, as a network does; the broker goes on. */
  disconnectAll(): void {
    this.#listener.destroySockets();
  }

  /**
   * From now on the broker refuses messages to topics that the filter matches, and subscriptions to filters within it, with 0x87 on
   * MQTT 5. On MQTT 3.1.1 a refused subscription is told (0x80), and a refused message closes the connection: the protocol has no other way.
   * @returns what ends the refusal
   */
  refuse(filter: string): () => void {
    const refused = { filter };
    this.#refused.add(refused);
    return () => void this.#refused.delete(refused);
  }

  /** Closes every connection and the port; who still waits for a message gets an error. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** The same as {@link MqttTestBroker.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = this.#listener.close();
    await new Promise<void>((resolve) => {
      this.#aedes.close(resolve);
    });
    this.#listener.destroySockets(); // those that have not sent a CONNECT
    await closed;
    this.#published.close('The broker was closed');
  }
}

interface RefusedFilter {
  readonly filter: string;
}

interface Watched {
  readonly published: Inbox<PublishedMessage>;
  readonly refused: Set<RefusedFilter>;
}

/** Before anybody connects. The hooks that the broker has are asked after ours. */
function watch(aedes: Aedes): Watched {
  const published = new Inbox(describePublished);
  const refused = new Set<RefusedFilter>();
  const refuses = (topic: string): boolean => [...refused].some(({ filter }) => covers(filter, topic));
  const authorizePublish = aedes.authorizePublish.bind(aedes);
  aedes.authorizePublish = (client, packet, done) => {
    published.add(toPublishedMessage(packet, client?.id));
    if (refuses(packet.topic)) done(new Error(`"${packet.topic}" is refused`));
    else authorizePublish(client, packet, done);
  };
  const authorizeSubscribe = aedes.authorizeSubscribe.bind(aedes);
  aedes.authorizeSubscribe = (client, subscription, done) => {
    // Aedes would grant a Shared Subscription on MQTT 3.1.1, and send it nothing
    const { topic } = subscription;
    if (topic.startsWith('$share/') || refuses(topic)) done(null, null);
    else authorizeSubscribe(client, subscription, done);
  };
  return { published, refused };
}
