import { describeOnBrokers } from '../../support/brokers.js';
import { connectDevice } from '../../support/device.js';
import { fence } from '../../support/fence.js';

describeOnBrokers('connectDevice', ({ protocolVersion, start }) => {
  it('collects what it receives and hands it out once', async () => {
    await using broker = await start();
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('t/#', { qos: 2 });
    await device.publish('t/1', 'one', { qos: 2 });
    await device.publish('t/2', 'two', { qos: 2 });
    await expect(device.next('t/2')).resolves.toMatchObject({
      payload: Buffer.from('two'),
      packet: { qos: 2 },
    });
    await expect(device.next()).resolves.toMatchObject({ topic: 't/1' });
    await expect(device.next('t/1', { deadlineMs: 20 })).rejects.toThrow(
      'Waited 20 ms for a message on "t/1" (received so far: t/1, t/2)',
    );
    expect(device.received).toHaveLength(2);
  });

  it('is refused on denied/#', async () => {
    await using broker = await start({ denied: true });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await expect(device.subscribe('denied/a')).rejects.toThrow('Subscribe error');
    await expect(device.subscribe('allowed/a')).resolves.toMatchObject([{ qos: 1 }]);
  });

  it.each([0, 1, 2] as const)('has received all of QoS %i that was sent before a fence', async (qos) => {
    await using broker = await start();
    await using sender = await connectDevice(broker.url, { protocolVersion });
    await using receiver = await connectDevice(broker.url, { protocolVersion });
    await receiver.subscribe('t', { qos });
    for (let count = 0; count < 15; count += 1) sender.client.publish('t', `${count}`, { qos });
    await fence(sender, { qos });
    await fence(receiver, { qos });
    expect(receiver.received.map(({ payload }) => payload.toString())).toEqual(
      Array.from({ length: 15 }, (_, n) => `${n}`),
    );
  });

  it('rejects when nobody listens', async () => {
    const broker = await start();
    await broker[Symbol.asyncDispose]();
    await expect(connectDevice(broker.url, { protocolVersion })).rejects.toThrow('ECONNREFUSED');
  });
});
