import { startAedes } from '../../support/aedes-broker.js';
import { answersConnect } from '../../support/answers-connect.js';
import { connectDevice } from '../../support/device.js';
import { fence } from '../../support/fence.js';

describe.each([4, 5] as const)('startAedes, version %i', (version) => {
  it('refuses what the hooks refuse', async () => {
    const authorizeSubscribe = (filter: string) => filter !== 'no';
    await using broker = await startAedes({
      version,
      authorizeSubscribe,
      authenticate: (user) => user === 'u',
    });
    await expect(connectDevice(broker.url, { protocolVersion: version })).rejects.toThrow('Not authorized');
    await using device = await connectDevice(broker.url, { protocolVersion: version, username: 'u' });
    await expect(device.subscribe('no')).rejects.toThrow('Subscribe error');
    await device.subscribe('yes');
    expect(broker.subscribed()).toMatchObject([
      { topic: 'no', qos: version === 5 ? 0x87 : 0x80 },
      { topic: 'yes', qos: 1 },
    ]);
  });

  it('drops a PUBLISH that the hook refuses', async () => {
    await using broker = await startAedes({ version, authorizePublish: (topic) => topic !== 'no' });
    await using device = await connectDevice(broker.url, { protocolVersion: version });
    await device.subscribe('#');
    device.client.publish('no', 'x');
    // MQTT 3.1.1 has no other way to refuse
    await (version === 4 ? device.closed : fence(device));
    expect(broker.published().map(({ topic }) => topic)).toContain('no');
    expect(device.received).toEqual([]);
  });

  it('frees its port at the end, with clients or without', async () => {
    const broker = await startAedes({ version });
    await using device = await connectDevice(broker.url, { protocolVersion: version });
    await broker[Symbol.asyncDispose]();
    await device.closed;
    await expect(answersConnect(broker.port)).resolves.toBe(false);
    await using _again = await startAedes({ version, port: broker.port });
    await expect(answersConnect(broker.port)).resolves.toBe(true);
  });
});
