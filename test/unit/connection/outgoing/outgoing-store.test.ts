import type { IPublishPacket, Packet } from 'mqtt-packet';
import { Outbox } from '../../../../src/connection/outgoing/outbox.js';
import { OutgoingStore } from '../../../../src/connection/outgoing/outgoing-store.js';
import { createTemporaryFolder } from '../../../support/temporary-folder.js';
import { until } from '../../../support/until.js';

describe('OutgoingStore', () => {
  it('sends again what is unacknowledged, in the order in which it was sent', async () => {
    const store = new OutgoingStore();
    for (const messageId of [7, 3, 5]) put(store, publish(messageId));
    put(store, { cmd: 'pubrel', messageId: 7 });
    del(store, 3);
    store.onConnected(true);
    expect(await sentAgain(store)).toMatchObject([
      { cmd: 'pubrel', messageId: 7 },
      { cmd: 'publish', messageId: 5 },
    ]);
  });

  it('sets the DUP flag in the same session, and in no other [MQTT-3.3.1-1]', async () => {
    const store = new OutgoingStore();
    put(store, publish(1));
    store.onConnected(true);
    expect(await sentAgain(store)).toMatchObject([{ dup: true }]);
    store.onConnected(false);
    expect(await sentAgain(store)).toMatchObject([{ dup: false }]);
  });

  it('goes back to the PUBLISH in a session that knows nothing of the PUBREC', async () => {
    const store = new OutgoingStore();
    put(store, publish(1));
    put(store, { cmd: 'pubrel', messageId: 1 });
    store.onConnected(false);
    expect(await sentAgain(store)).toMatchObject([{ cmd: 'publish', messageId: 1 }]);
  });

  it('gives out copies, for MQTT.js writes into them', async () => {
    const store = new OutgoingStore();
    put(store, publish(1));
    const [packet] = await sentAgain(store);
    Object.assign(packet!, { topic: '' });
    expect(await sentAgain(store)).toMatchObject([{ topic: 'a' }]);
  });

  it('tells of what it does not have', () => {
    const store = new OutgoingStore();
    expect(del(store, 1)).toBeInstanceOf(Error);
    put(store, publish(1));
    expect(del(store, 1)).toBeUndefined();
  });
});

describe('OutgoingStore with an outbox', () => {
  it('lets a message go once it is on disk', async () => {
    await using folder = await createTemporaryFolder();
    const store = await openStore(folder.path);
    let done = false;
    give(store, publish(1), () => (done = true));
    expect(done).toBe(false);
    await until(() => done);
    await store.release();
  });

  it('leaves to the next connection what is on disk too late for this one', async () => {
    await using folder = await createTemporaryFolder();
    const store = await openStore(folder.path);
    let done = false;
    give(store, publish(1), () => (done = true));
    store.onLost();
    store.onConnected(true);
    expect(await sentAgain(store)).toMatchObject([{ messageId: 1 }]); // waits for the disk
    expect(done).toBe(false);
    await store.release();
  });

  it('has what another one has sent', async () => {
    await using folder = await createTemporaryFolder();
    const before = await openStore(folder.path);
    give(before, publish(7));
    give(before, { ...publish(8), qos: 2 });
    before.put({ cmd: 'pubrel', messageId: 8 }, () => undefined);
    before.keep({ ...publish(0), topic: 'waiting' }, 5);
    await before.release();
    const store = await openStore(folder.path);
    store.onConnected(true);
    expect(await sentAgain(store)).toMatchObject([
      { cmd: 'publish', messageId: 7, dup: true },
      { cmd: 'pubrel', messageId: 8 },
    ]);
    store.onConnected(false);
    expect(await sentAgain(store)).toMatchObject([
      { cmd: 'publish', messageId: 7 },
      { cmd: 'publish', messageId: 8, qos: 2 },
    ]);
    await store.release();
    const again = await openStore(folder.path);
    again.onConnected(true);
    expect(await sentAgain(again)).toMatchObject([{ cmd: 'publish' }, { cmd: 'publish' }]); // as the last session left it
    await again.release();
  });

  it('takes from the disk what is acknowledged, or will not be sent', async () => {
    await using folder = await createTemporaryFolder();
    const store = await openStore(folder.path);
    give(store, publish(1));
    del(store, 1);
    store.forget(store.keep(publish(0), 0)!.number);
    await store.release();
    const outbox = await Outbox.open({ path: folder.path });
    expect(await outbox.load()).toEqual([]);
    await outbox.close();
  });

  it('lets a message expire earlier, and never not at all', async () => {
    await using folder = await createTemporaryFolder();
    const outbox = await Outbox.open({ path: folder.path });
    for (const [messageId, messageExpiryInterval] of [
      [1, 60],
      [2, 1],
    ] as const) {
      const packet = { ...publish(messageId), properties: { messageExpiryInterval, contentType: 'a' } };
      const { number } = outbox.add(packet, Date.now() - 10_100);
      void outbox.setSent(number, { messageId, received: false });
    }
    await outbox.close();
    const store = await openStore(folder.path);
    expect(await sentAgain(store)).toMatchObject([
      { properties: { messageExpiryInterval: 50, contentType: 'a' } },
      { properties: { messageExpiryInterval: 1, contentType: 'a' } },
    ]);
    await store.release();
  });

  it('has nothing of a message that is not for it', async () => {
    await using folder = await createTemporaryFolder();
    const store = await openStore(folder.path);
    let done = false;
    store.put(publish(1), () => (done = true));
    expect(done).toBe(true);
    await store.release();
    const outbox = await Outbox.open({ path: folder.path });
    expect(await outbox.load()).toEqual([]);
    await outbox.close();
  });

  it('does not send what it cannot write, and says so', async () => {
    await using folder = await createTemporaryFolder();
    const outbox = await Outbox.open({ path: folder.path });
    const store = new OutgoingStore();
    store.use(outbox, []);
    await outbox.close(); // what is written from now on fails
    const failed: number[] = [];
    let done = false;
    store.as({ number: undefined, onFailed: (messageId) => failed.push(messageId) }, () =>
      store.put(publish(1), () => (done = true)),
    );
    await until(() => failed.length === 1);
    expect(failed).toEqual([1]);
    expect(done).toBe(false);
    expect(await sentAgain(store)).toEqual([]);
  });

  it('goes on with an exchange whose PUBREC it cannot write', async () => {
    await using folder = await createTemporaryFolder();
    const outbox = await Outbox.open({ path: folder.path });
    const store = new OutgoingStore();
    store.use(outbox, []);
    give(store, { ...publish(1), qos: 2 });
    await outbox.close();
    let done = false;
    store.put({ cmd: 'pubrel', messageId: 1 }, () => (done = true));
    await until(() => done);
  });
});

function publish(messageId: number): IPublishPacket {
  return { cmd: 'publish', topic: 'a', payload: 'x', qos: 1, retain: false, dup: false, messageId };
}

function put(store: OutgoingStore, packet: Packet): void {
  store.put(packet, (error) => {
    if (error) throw error;
  });
}

/** As one that is for the outbox. */
function give(store: OutgoingStore, packet: Packet, done: () => void = () => undefined): void {
  store.as({ number: undefined, onFailed: () => undefined }, () => store.put(packet, done));
}

function del(store: OutgoingStore, messageId: number): Error | undefined {
  let failure: Error | undefined;
  store.del({ messageId }, (error) => (failure = error));
  return failure;
}

async function openStore(path: string): Promise<OutgoingStore> {
  const outbox = await Outbox.open({ path });
  const store = new OutgoingStore();
  store.use(outbox, await outbox.load());
  return store;
}

async function sentAgain(store: OutgoingStore): Promise<Packet[]> {
  const packets: Packet[] = [];
  for await (const packet of store.createStream()) packets.push(packet as Packet);
  return packets;
}
