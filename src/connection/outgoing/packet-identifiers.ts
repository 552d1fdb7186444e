import type { IClientOptions } from 'mqtt';

type MessageIdProvider = NonNullable<IClientOptions['messageIdProvider']>;

const MAX_IDENTIFIER = 65_535;

/**
 * Packet Identifiers in turn, but for those in use [MQTT-2.2.1-3]: MQTT.js 5.16 by default takes the next one, whose message, if it is still
 * unacknowledged, would be lost.
 */
export class PacketIdentifiers implements MessageIdProvider {
  readonly #inUse = new Uint8Array(MAX_IDENTIFIER + 1);
  /** By chance: a session that was kept may still know the first ones of the process before, which QoS 2 would take for its own. */
  #last = Math.ceil(Math.random() * MAX_IDENTIFIER);

  /** `null` if all are in use. */
  allocate(): number | null {
    for (let tries = 0; tries < MAX_IDENTIFIER; tries++) {
      this.#last = (this.#last % MAX_IDENTIFIER) + 1;
      if (this.register(this.#last)) return this.#last;
    }
    return null;
  }

  getLastAllocated(): number {
    return this.#last;
  }

  /** Whether it was not in use. */
  register(messageId: number): boolean {
    if (this.#inUse[messageId] === 1) return false;
    this.#inUse[messageId] = 1;
    return true;
  }

  deallocate(messageId: number): void {
    this.#inUse[messageId] = 0;
  }

  clear(): void {
    this.#inUse.fill(0);
  }
}
