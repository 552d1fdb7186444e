import { once } from 'node:events';
import { connect } from 'node:net';

// MQTT 3.1.1 CONNECT, Clean Session, keep alive 10 s, Client Identifier "ready?"
const CONNECT = Buffer.from([
  0x10,
  0x12,
  0,
  4,
  ...Buffer.from('MQTT'),
  4,
  2,
  0,
  10,
  0,
  6,
  ...Buffer.from('ready?'),
]);
const DISCONNECT = Buffer.from([0xe0, 0]);
const CONNACK = 0x20;

/** Whether a broker on this port answers a CONNECT with a CONNACK, accepted or not; an open port alone proves little. */
export async function answersConnect(port: number, deadlineMs = 1000): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  try {
    socket.write(CONNECT);
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(deadlineMs) })) as [Buffer];
    socket.end(DISCONNECT);
    return answer[0] === CONNACK;
  } catch {
    return false;
  } finally {
    socket.destroySoon();
  }
}
