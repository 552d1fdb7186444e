import { existsSync } from 'node:fs';
import { answersConnect } from '../../support/answers-connect.js';
import { connectDevice } from '../../support/device.js';
import { fence } from '../../support/fence.js';
import { startMosquitto } from '../../support/mosquitto.js';
import { describeWithMosquitto } from '../../support/needs-mosquitto.js';

describeWithMosquitto('startMosquitto', () => {
  it('leaves neither a listener nor a folder', async () => {
    const broker = await startMosquitto();
    await expect(answersConnect(broker.port)).resolves.toBe(true);
    await broker[Symbol.asyncDispose]();
    await expect(answersConnect(broker.port)).resolves.toBe(false);
    expect(existsSync(broker.folder)).toBe(false);
  });

  it('comes back on the same port, with the same log', async () => {
    await using broker = await startMosquitto();
    await using device = await connectDevice(broker.url);
    await broker.restart();
    await device.closed;
    await expect(answersConnect(broker.port)).resolves.toBe(true);
    expect(broker.log().match(/mosquitto version \S+ running/g)).toHaveLength(2);
  });

  it.each([
    { end: 'restart', kept: 1 },
    { end: 'kill9', kept: 0 },
    { end: 'save and kill9', kept: 1 },
  ])('keeps retained messages over $end: $kept', async ({ end, kept }) => {
    await using broker = await startMosquitto({ persistence: true });
    {
      await using device = await connectDevice(broker.url);
      await device.publish('t', 'x', { qos: 1, retain: true });
    }
    if (end.includes('save')) await broker.save();
    if (end.includes('kill9')) await broker.kill9();
    await broker.restart();
    await using device = await connectDevice(broker.url);
    await device.subscribe('t');
    await fence(device);
    expect(device.received).toHaveLength(kept);
  });

  it.each([4, 5] as const)('refuses to subscribe to denied/#, version %i', async (protocolVersion) => {
    await using broker = await startMosquitto({ denied: true });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await expect(device.subscribe('denied/a')).rejects.toThrow('Subscribe error');
    await expect(device.subscribe('allowed/a')).resolves.toMatchObject([{ qos: 1 }]);
  });

  it('lets in only the users that it is given', async () => {
    await using broker = await startMosquitto({ users: { ann: 'secret' } });
    await using _device = await connectDevice(broker.url, { username: 'ann', password: 'secret' });
    await expect(connectDevice(broker.url, { username: 'ann', password: 'guess' })).rejects.toThrow(
      'Not authorized',
    );
    await expect(connectDevice(broker.url)).rejects.toThrow('Not authorized');
  });

  it('rejects with the log if the configuration is wrong', async () => {
    await expect(startMosquitto({ config: ['no_such_option 1'] })).rejects.toThrow(
      'Unknown configuration variable',
    );
  });
});
