import type { Socket } from 'node:net';
import { DelayLine } from './delay-line.js';

interface FlowWatcher {
  /** What of it is passed on, and what is done when that is written. */
  readonly onData: (data: Buffer) => { readonly bytes: Buffer; readonly onWritten?: () => void };
  readonly onClose: () => void;
}

/** One direction of a connection through a proxy: from one socket to the other. */
export class TcpFlow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #line = new DelayLine();
  #state: 'open' | 'ended' | 'forgotten' = 'open';

  constructor(from: Socket, to: Socket, { onData, onClose }: FlowWatcher) {
    this.#from = from;
    this.#to = to;
    from.on('data', (data) => {
      if (this.#state !== 'open') return;
      const { bytes, onWritten } = onData(data);
      this.#line.run(() => to.write(bytes, onWritten));
    });
    from.on('end', () => this.#onEnd());
    from.on('error', () => this.#pass(() => reset(to)));
    from.on('close', () => {
      onClose();
      this.#pass(() => to.destroySoon());
    });
  }

  pause(): void {
    this.#from.pause();
  }

  resume(): void {
    this.#from.resume();
  }

  /** Passes on so much later what comes from now on. */
  delay(delayMs: number): void {
    this.#line.delayMs = delayMs;
  }

  /** Passes on a FIN, and nothing after it. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#line.run(() => this.#to.end());
  }

  /** Passes on nothing any more, neither data nor the end. */
  forget(): void {
    this.#state = 'forgotten';
    this.#line.clear();
  }

  /** Resets the connection to where it comes from. */
  cut(): void {
    this.#line.clear();
    reset(this.#from);
  }

  #onEnd(): void {
    if (this.#state === 'forgotten') this.#from.destroy();
    else this.end();
  }

  #pass(act: () => void): void {
    if (this.#state !== 'forgotten') this.#line.run(act);
  }
}

/** Node 20 never ends, in its clean-up at exit, if a socket is reset that is being shut down. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
