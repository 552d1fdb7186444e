import { parser, type IPublishPacket, type Packet } from 'mqtt-packet';
import type { Direction, TcpProxy } from './tcp-proxy.js';

/** A packet that a proxy has passed on. */
export type PassedPacket = Packet & { readonly direction: Direction; readonly connection: number };

/** Everything that a proxy has seen, in order, as packets: what was really on the wire. */
export function packetsOf(proxy: TcpProxy, protocolVersion: 4 | 5): PassedPacket[] {
  const packets: PassedPacket[] = [];
  const parsers = new Map<string, ReturnType<typeof parser>>();
  for (const { direction, connection, bytes } of proxy.chunks) {
    const key = `${direction} ${connection}`;
    const known = parsers.get(key);
    const stream = known ?? parser({ protocolVersion });
    if (known === undefined) {
      parsers.set(key, stream);
      stream.on('packet', (packet) => packets.push(Object.assign(packet, { direction, connection })));
    }
    stream.parse(bytes);
  }
  return packets;
}

/** What the clients behind a proxy have published. */
export function publishesOf(proxy: TcpProxy, protocolVersion: 4 | 5): (PassedPacket & IPublishPacket)[] {
  return packetsOf(proxy, protocolVersion).filter(
    (packet): packet is PassedPacket & IPublishPacket =>
      packet.cmd === 'publish' && packet.direction === 'toBroker',
  );
}
