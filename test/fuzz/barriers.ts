import type { IPublishPacket } from 'mqtt-packet';
import type { StubBroker, StubConnection } from '../support/stub-broker.js';

/** A valid message that has to be handled: sends it when it can, again on a new connection, and tells whether it was. */
export type Barrier = () => boolean;

const FIRST_IDENTIFIER = 30_001;
const LAST_IDENTIFIER = 65_535;

/** For a server: its PUBACK says that its handler has ended. */
export function serverBarriers(broker: StubBroker): () => Barrier {
  let messageId = LAST_IDENTIFIER;
  return () => {
    const id = (messageId = messageId === LAST_IDENTIFIER ? FIRST_IDENTIFIER : messageId + 1);
    let sentOn: StubConnection | undefined;
    return () => {
      const { connection } = broker;
      if (connection !== sentOn && isSubscribed(connection)) {
        sentOn = connection;
        connection.publish('barrier', String(id), { qos: 1, messageId: id });
      }
      return connection.packets.some((packet) => packet.cmd === 'puback' && packet.messageId === id);
    };
  };
}

/** For a client: its next request says what the last reply was. */
export function clientBarriers(broker: StubBroker, protocolVersion: 4 | 5): () => Barrier {
  let tokens = 0;
  const answered = new WeakSet<IPublishPacket>();
  return () => {
    const token = `token ${++tokens}`;
    return () => {
      const request = lastRequest(broker.connection);
      if (request === undefined) return false;
      if (request.payload.includes(`"${token}"`)) return true;
      if (!answered.has(request)) reply(broker.connection, request, token, protocolVersion);
      answered.add(request);
      return false;
    };
  };
}

/** The one that the client waits for. */
export function lastRequest(connection: StubConnection): IPublishPacket | undefined {
  return connection.received('publish').findLast(({ topic }) => topic === 'ask');
}

function reply(connection: StubConnection, request: IPublishPacket, value: string, version: 4 | 5): void {
  if (version === 5) {
    const { responseTopic = '', correlationData } = request.properties ?? {};
    connection.publish(responseTopic, JSON.stringify(value), {
      properties: { correlationData: correlationData! },
    });
    return;
  }
  const { id, replyTo } = JSON.parse(request.payload.toString()) as { id: string; replyTo: string };
  connection.publish(replyTo, JSON.stringify({ id, response: value, isDisposed: true }));
}

function isSubscribed(connection: StubConnection): boolean {
  return connection.open && connection.packets.some(({ cmd }) => cmd === 'subscribe');
}
