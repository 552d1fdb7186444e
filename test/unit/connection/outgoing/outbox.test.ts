import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { IPublishPacket } from 'mqtt-packet';
import { Outbox, type KeptMessage } from '../../../../src/connection/outgoing/outbox.js';
import { ConfigurationError } from '../../../../src/index.js';
import { createTemporaryFolder, type TemporaryFolder } from '../../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await createTemporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

describe('Outbox', () => {
  it('has what was added, in order, when it is opened again', async () => {
    const outbox = await open();
    for (let n = 0; n < 1200; n++) outbox.add(packetOf(`${n}`), n); // the order of keys is that of numbers
    await outbox.close();
    expect((await kept()).map(({ packet, sinceMs }) => `${packet.topic} ${sinceMs}`)).toEqual(
      Array.from({ length: 1200 }, (_, n) => `${n} ${n}`),
    );
  });

  it('has the message as it was, with its properties', async () => {
    const packet: IPublishPacket = {
      ...packetOf('a/b'),
      payload: Buffer.from([0, 255, 1]),
      qos: 2,
      retain: true,
      properties: {
        messageExpiryInterval: 60,
        contentType: 'text/plain',
        payloadFormatIndicator: true,
        responseTopic: 'r',
        correlationData: Buffer.from([1, 2]),
        userProperties: { one: '1', two: ['2', 'zwei'] },
      },
    };
    const outbox = await open();
    outbox.add(packet, 1_700_000_000_123.5);
    await outbox.close();
    const [message] = await kept();
    expect(message!.sinceMs).toBe(1_700_000_000_123.5);
    expect(message!.packet).toMatchObject({ ...packet, properties: { ...packet.properties } });
  });

  it('knows what was sent, and with which Packet Identifier', async () => {
    const outbox = await open();
    const [first, second] = ['a', 'b', 'c'].map((topic) => outbox.add(packetOf(topic), 0).number);
    void outbox.setSent(first!, { messageId: 65_535, received: false });
    void outbox.setSent(second!, { messageId: 1, received: false });
    await outbox.setSent(second!, { messageId: 1, received: true });
    await outbox.close();
    expect((await kept()).map(({ packet, sent }) => [packet.topic, sent])).toEqual([
      ['a', { messageId: 65_535, received: false }],
      ['b', { messageId: 1, received: true }],
      ['c', undefined],
    ]);
  });

  it('forgets what was removed, sent or not', async () => {
    const outbox = await open();
    const [first, second] = ['a', 'b', 'c'].map((topic) => outbox.add(packetOf(topic), 0).number);
    await outbox.setSent(first!, { messageId: 1, received: false });
    outbox.remove(first!);
    outbox.remove(second!);
    await outbox.close();
    expect((await kept()).map(({ packet }) => packet.topic)).toEqual(['c']);
  });

  it('adds behind what it had', async () => {
    for (const topic of ['a', 'b', 'c']) {
      const outbox = await open();
      await outbox.load();
      await outbox.add(packetOf(topic), 0).written;
      await outbox.close();
    }
    expect((await kept()).map(({ packet }) => packet.topic)).toEqual(['a', 'b', 'c']);
  });

  it('says when a message is on disk, and that it is not when it cannot be', async () => {
    const outbox = await open();
    await outbox.add(packetOf('a'), 0).written;
    await outbox.close();
    await expect(outbox.add(packetOf('b'), 0).written).rejects.toThrow(
      'the outbox cannot be written (Database is not open)',
    );
    outbox.remove(0); // nobody waits for that
    await outbox.settled();
  });

  it('waits with sync until the disk has it', async () => {
    const outbox = await Outbox.open({ path: folder.path, sync: true });
    await outbox.add(packetOf('a'), 0).written;
    await outbox.close();
    expect(await kept()).toHaveLength(1);
  });

  it('cannot be opened twice', async () => {
    const outbox = await open();
    const failure = await open().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as Error).message).toContain(`"${folder.path}": it is in use`);
    await outbox.close();
    await (await open()).close();
  });

  it('cannot be opened where a file is', async () => {
    const path = join(folder.path, 'file');
    await writeFile(path, '');
    const failure = await Outbox.open({ path }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as Error).message).toContain(`Cannot open the outbox "${path}"`);
  });

  it('does not take what is not its own for messages', async () => {
    const database = new ClassicLevel(folder.path);
    await database.put('something', 'else entirely');
    await database.close();
    const outbox = await open();
    const failure = await outbox.load().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigurationError);
    await (await open()).close(); // it is not left open
  });
});

function open(): Promise<Outbox> {
  return Outbox.open({ path: folder.path });
}

async function kept(): Promise<KeptMessage[]> {
  const outbox = await open();
  const messages = await outbox.load();
  await outbox.close();
  return messages;
}

function packetOf(topic: string): IPublishPacket {
  return { cmd: 'publish', topic, payload: 'payload', qos: 1, retain: false, dup: false };
}
