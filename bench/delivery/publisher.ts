import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';

const DEVICES = 100;
const MAX_PACKET_IDENTIFIER = 65_535;
const CONNACK = 0x20;

/** Writes QoS 1 messages in portions, and waits for the broker to acknowledge each portion. */
export class Publisher implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #protocolVersion: 4 | 5;
  #published = 0;
  #unacknowledged = 0;
  #onAcknowledged: (() => void) | undefined;

  private constructor(socket: Socket, protocolVersion: 4 | 5) {
    this.#socket = socket;
    this.#protocolVersion = protocolVersion;
    const packets = parser({ protocolVersion });
    packets.on('packet', ({ cmd }) => {
      if (cmd === 'puback' && --this.#unacknowledged === 0) this.#onAcknowledged?.();
    });
    socket.on('data', (chunk) => packets.parse(chunk));
  }

  static async connect(url: string, protocolVersion: 4 | 5): Promise<Publisher> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion,
        clientId: 'publisher',
        clean: true,
        keepalive: 0,
      }),
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (answer[0] !== CONNACK || answer[3] !== 0) throw new Error('The broker refused the publisher');
    return new Publisher(socket, protocolVersion);
  }

  /** Resolves when the broker has acknowledged all, which is when mosquitto has handed them on. */
  async publish(prefix: string, messages: number): Promise<void> {
    const acknowledged = new Promise<void>((resolve) => (this.#onAcknowledged = resolve));
    this.#unacknowledged = messages;
    this.#socket.write(Buffer.concat(Array.from({ length: messages }, () => this.#next(prefix))));
    await acknowledged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.end(generate({ cmd: 'disconnect' }, { protocolVersion: this.#protocolVersion }));
    await closed;
  }

  #next(prefix: string): Buffer {
    const number = this.#published++;
    const device = number % DEVICES;
    const payload = { device, number, temperature: 21.5, humidity: 48.25, battery: 0.87, state: 'running' };
    return generate(
      {
        cmd: 'publish',
        topic: `${prefix}/${device}/reading`,
        payload: JSON.stringify(payload),
        qos: 1,
        messageId: (number % MAX_PACKET_IDENTIFIER) + 1,
        dup: false,
        retain: false,
      },
      { protocolVersion: this.#protocolVersion },
    );
  }
}
