import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { generate, parser, type IConnackPacket, type IPublishPacket, type Packet } from 'mqtt-packet';

/** What the broker does about a packet: answer it as it should, say nothing, or close the connection. */
export type Reaction = 'answer' | 'ignore' | 'close';

/** How the broker behaves on one connection; what is left out, it answers. */
export interface StubScript {
  /** Or what the CONNACK says: no session, and accepted, by default. */
  readonly connect?: Reaction | Partial<IConnackPacket>;
  /** Called when the CONNACK is written: to deliver what a kept session has. */
  readonly onConnected?: (connection: StubConnection) => void;
  /** Or the codes of the SUBACK: the QoS that was asked for by default. */
  readonly subscribe?: Reaction | readonly number[];
  readonly unsubscribe?: Reaction;
  readonly pubrel?: Reaction;
  /** Of a PUBLISH from the client; a function may send something by itself. */
  readonly publish?: Reaction | ((packet: IPublishPacket, connection: StubConnection) => Reaction);
}

export interface StubBrokerSetup {
  /** Default 4, which is MQTT 3.1.1. */
  readonly protocolVersion?: 4 | 5;
  /** For all connections, or for each by its number, from 1. */
  readonly script?: StubScript | ((connection: number) => StubScript);
}

/** A broker that keeps no sessions, routes no messages, and breaks the rules as it is told. */
export class StubBroker implements AsyncDisposable {
  readonly connections: StubConnection[] = [];
  readonly #server = createServer({ noDelay: true }, (socket) => this.#accept(socket));

  constructor(readonly setup: StubBrokerSetup) {}

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The latest connection; fails if there is none. */
  get connection(): StubConnection {
    const latest = this.connections.at(-1);
    if (latest === undefined) throw new Error('Nobody has connected');
    return latest;
  }

  /** How many connections are open. */
  get openCount(): number {
    return this.connections.filter(({ open }) => open).length;
  }

  /** What came on all connections, of these kinds or of all. */
  packets<C extends Packet['cmd']>(...commands: readonly C[]): Extract<Packet, { cmd: C }>[] {
    return this.connections.flatMap((connection) => connection.received(...commands));
  }

  /** Closes every connection without a DISCONNECT. */
  closeConnections(): void {
    for (const connection of this.connections) connection.close();
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server.close(), 'close');
    this.closeConnections();
    await closed;
  }

  #accept(socket: Socket): void {
    const { protocolVersion = 4, script = {} } = this.setup;
    const number = this.connections.length + 1;
    const own = typeof script === 'function' ? script(number) : script;
    this.connections.push(new StubConnection(number, socket, protocolVersion, own));
  }
}

/** One network connection of a client. */
export class StubConnection {
  readonly packets: Packet[] = [];
  readonly #script: StubScript;

  constructor(
    /** From 1. */
    readonly number: number,
    readonly socket: Socket,
    readonly protocolVersion: 4 | 5,
    script: StubScript,
  ) {
    this.#script = script;
    const stream = parser({ protocolVersion });
    stream.on('packet', (packet) => this.#receive(packet));
    stream.on('error', () => this.close());
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => stream.parse(bytes));
  }

  get open(): boolean {
    return !this.socket.destroyed;
  }

  /** What came, of these kinds or of all. */
  received<C extends Packet['cmd']>(...commands: readonly C[]): Extract<Packet, { cmd: C }>[] {
    return this.packets.filter(
      (packet): packet is Extract<Packet, { cmd: C }> =>
        commands.length === 0 || (commands as readonly string[]).includes(packet.cmd),
    );
  }

  send(...packets: readonly Packet[]): void {
    const { protocolVersion } = this;
    if (this.open)
      this.socket.write(Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion }))));
  }

  /** Delivers a message to the client; QoS 0 by default. */
  publish(topic: string, payload: string | Buffer, options: Partial<IPublishPacket> = {}): void {
    this.send({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false, ...options });
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(packet: Packet): void {
    if (!this.open) return; // read together with what made us close
    this.packets.push(packet);
    const reaction = this.#reactionTo(packet);
    if (reaction === 'close') this.close();
    else if (reaction === 'answer') this.#answer(packet);
  }

  #reactionTo(packet: Packet): Reaction {
    const { publish, ...others } = this.#script;
    if (packet.cmd === 'publish' && typeof publish === 'function') return publish(packet, this);
    const reactions: Partial<Record<Packet['cmd'], unknown>> = { ...others, publish };
    const reaction = reactions[packet.cmd];
    return reaction === 'ignore' || reaction === 'close' ? reaction : 'answer';
  }

  #answer(packet: Packet): void {
    this.send(...this.#answersTo(packet));
    if (packet.cmd === 'connect') this.#script.onConnected?.(this);
  }

  #answersTo(packet: Packet): Packet[] {
    const { messageId = 0 } = packet;
    switch (packet.cmd) {
      case 'connect':
        return [this.#connack()];
      case 'subscribe': {
        const { subscribe } = this.#script;
        const granted =
          typeof subscribe === 'object' ? subscribe : packet.subscriptions.map(({ qos }) => qos);
        return [{ cmd: 'suback', messageId, granted: [...granted] }];
      }
      case 'unsubscribe':
        return [{ cmd: 'unsuback', messageId, granted: packet.unsubscriptions.map(() => 0) }];
      case 'publish':
        return packet.qos === 0 ? [] : [{ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId }];
      case 'pubrel':
        return [{ cmd: 'pubcomp', messageId }];
      case 'pingreq':
        return [{ cmd: 'pingresp' }];
      default:
        return [];
    }
  }

  #connack(): IConnackPacket {
    const { connect } = this.#script;
    const said = typeof connect === 'object' ? connect : {};
    return { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false, ...said };
  }
}

/** Starts a stub broker on a free port of the loopback address. */
export async function startStubBroker(setup: StubBrokerSetup = {}): Promise<StubBroker> {
  const broker = new StubBroker(setup);
  await broker.listen();
  return broker;
}
