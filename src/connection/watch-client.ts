import type { IConnackPacket, IDisconnectPacket, MqttClient, Packet } from 'mqtt';
import type { IPublishPacket } from 'mqtt-packet';
import { closeOnUnreadable } from './close-on-unreadable.js';

/** What a connection does about the events of MQTT.js. */
export interface ClientWatcher {
  /** Whether the client is in use: what becomes of one that was closed is nobody's business. */
  readonly isCurrent: () => boolean;
  readonly onConnect: (connack: IConnackPacket) => void;
  readonly onReconnect: () => void;
  readonly onDisconnect: (packet: IDisconnectPacket) => void;
  readonly onError: (error: Error) => void;
  readonly onClose: () => void;
  /** What comes and goes is told of a client that is being closed, too. */
  readonly onSent: (packet: Packet) => void;
  readonly onReceived: (packet: Packet) => void;
  readonly onMessage: (topic: string, payload: Buffer, packet: IPublishPacket) => void;
}

/** Tells the events of a client to its connection. */
export function watchClient(client: MqttClient, watcher: ClientWatcher): void {
  const current = <A extends unknown[]>(handle: (...given: A) => void) => {
    return (...given: A): void => {
      if (watcher.isCurrent()) handle(...given);
    };
  };
  client.on('connect', current(watcher.onConnect));
  client.on('error', current(closeOnUnreadable(client, watcher.onError)));
  client.on('close', current(watcher.onClose));
  client.on('reconnect', current(watcher.onReconnect));
  client.on('disconnect', current(watcher.onDisconnect));
  client.on('packetsend', watcher.onSent);
  client.on('packetreceive', watcher.onReceived);
  client.on('message', watcher.onMessage);
}
