import { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { guardReplay } from '../../../../src/connection/outgoing/replay-guard.js';

describe('guardReplay', () => {
  it('takes out a message that is the last thing sent on three connections in a row', async () => {
    const { replay, removed } = createClient();
    for (const expected of [[], [], [7]]) {
      replay(7);
      await setImmediate();
      expect(removed).toEqual(expected);
    }
  });

  it('does not count the connection on which it was sent for the first time', async () => {
    const { client, replay, removed } = createClient();
    replay();
    client.emit('connect');
    client.emit('packetsend', { cmd: 'publish', messageId: 7 });
    client.emit('close');
    replay(7);
    replay(7);
    await setImmediate();
    expect(removed).toEqual([]);
  });

  it('does not blame those that were acknowledged before it', async () => {
    const { replay, removed } = createClient();
    for (const acknowledged of [[1, 2], [3], []]) replay(...acknowledged, 7);
    await setImmediate();
    expect(removed).toEqual([7]);
  });

  it('begins to count anew when another message is the last one', async () => {
    const { replay, removed } = createClient();
    for (const last of [7, 7, 8, 7, 7]) replay(last);
    await setImmediate();
    expect(removed).toEqual([]);
  });

  it('begins to count anew after a connection on which everything went through', async () => {
    const { client, replay, removed } = createClient();
    replay(7);
    replay(7);
    client.emit('packetreceive', { cmd: 'connack' });
    client.emit('packetsend', { cmd: 'publish', messageId: 7 });
    client.emit('connect');
    client.emit('close');
    replay(7);
    await setImmediate();
    expect(removed).toEqual([]);
  });

  it('does not count connections that were never made', async () => {
    const { client, replay, removed } = createClient();
    replay(7);
    for (let n = 0; n < 5; n++) client.emit('close');
    replay(7);
    await setImmediate();
    expect(removed).toEqual([]);
    replay(7);
    await setImmediate();
    expect(removed).toEqual([7]);
  });

  it('takes out one after the other', async () => {
    const { replay, removed } = createClient();
    for (const last of [7, 7, 7, 8, 8, 8]) replay(last);
    await setImmediate();
    expect(removed).toEqual([7, 8]);
  });

  it('does not blame a PUBLISH that was acknowledged for the PUBREL that was sent after it', async () => {
    const { client, removed } = createClient();
    for (let n = 0; n < 3; n++) {
      client.emit('packetreceive', { cmd: 'connack' });
      client.emit('packetsend', { cmd: 'publish', messageId: 7 });
      client.emit('packetreceive', { cmd: 'puback', messageId: 7 });
      client.emit('packetsend', { cmd: 'pubrel', messageId: 8 });
      client.emit('close');
    }
    await setImmediate();
    expect(removed).not.toContain(7);
  });
});

function createClient() {
  const client = new EventEmitter();
  const removed: number[] = [];
  guardReplay(
    Object.assign(client, {
      removeOutgoingMessage: (id: number) => removed.push(id),
    }) as unknown as MqttClient,
  );
  /** A connection on which these are sent again, and which is closed before the last one is acknowledged. */
  const replay = (...messageIds: number[]) => {
    client.emit('packetreceive', { cmd: 'connack' });
    for (const [index, messageId] of messageIds.entries()) {
      if (index > 0) client.emit('packetreceive', { cmd: 'puback', messageId: messageIds[index - 1] });
      client.emit('packetsend', { cmd: 'publish', messageId });
    }
    if (messageIds.length > 0) client.emit('close');
  };
  return { client, replay, removed };
}
