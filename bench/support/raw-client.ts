import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { generate, parser, type Packet } from 'mqtt-packet';

/** A connection to a broker that writes and reads packets, and does nothing else: it must not be what a benchmark waits for. */
export class RawClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #protocolVersion: 4 | 5;

  private constructor(socket: Socket, protocolVersion: 4 | 5) {
    this.#socket = socket;
    this.#protocolVersion = protocolVersion;
  }

  /** @param onPackets is given what was read together; the CONNACK comes first */
  static async connect(
    url: string,
    { protocolVersion, clientId }: { readonly protocolVersion: 4 | 5; readonly clientId: string },
    onPackets: (packets: readonly Packet[]) => void,
  ): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const client = new RawClient(socket, protocolVersion);
    const reader = parser({ protocolVersion });
    let read: Packet[] = [];
    reader.on('packet', (packet) => read.push(packet));
    socket.on('data', (chunk) => {
      reader.parse(chunk);
      const packets = read;
      read = [];
      onPackets(packets);
    });
    const identity = { protocolId: 'MQTT', protocolVersion, clientId } as const;
    const connected = once(reader, 'packet') as Promise<[Packet]>;
    client.write([{ cmd: 'connect', ...identity, clean: true, keepalive: 0 }]);
    const [connack] = await connected;
    if (connack.cmd !== 'connack' || (connack.reasonCode ?? connack.returnCode) !== 0)
      throw new Error(`The broker refused ${clientId}`);
    return client;
  }

  /** All at once. */
  write(packets: readonly Packet[]): void {
    const settings = { protocolVersion: this.#protocolVersion };
    this.#socket.write(Buffer.concat(packets.map((packet) => generate(packet, settings))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.write([{ cmd: 'disconnect' }]);
    this.#socket.end();
    await closed;
  }
}
