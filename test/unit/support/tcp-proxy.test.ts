import { startAedes } from '../../support/aedes-broker.js';
import { connectDevice } from '../../support/device.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { until } from '../../support/until.js';

describe('startTcpProxy', () => {
  it('passes on both ways and keeps what it passed', async () => {
    await using broker = await startAedes({ version: 4 });
    await using proxy = await startTcpProxy(broker);
    await using device = await connectDevice(proxy.url);
    await device.subscribe('t');
    await device.publish('t', 'x');
    await device.next('t');
    const bytes = (direction: string) =>
      Buffer.concat(
        proxy.chunks.filter((chunk) => chunk.direction === direction).map((chunk) => chunk.bytes),
      );
    expect(bytes('toBroker')[0]).toBe(0x10);
    expect(bytes('toClient').subarray(0, 4)).toEqual(Buffer.from([0x20, 2, 0, 0]));
    expect(proxy.chunks.every(({ connection }) => connection === 1)).toBe(true);
  });

  it('cuts what is connected and accepts anew', async () => {
    await using broker = await startAedes({ version: 4 });
    await using proxy = await startTcpProxy(broker);
    await using device = await connectDevice(proxy.url);
    proxy.cut();
    await device.closed;
    await until(() => broker.broker.connectedClients === 0);
    await using _again = await connectDevice(proxy.url);
    expect(proxy.connectionCount).toBe(2);
  });

  it('refuses new connections until told otherwise', async () => {
    await using broker = await startAedes({ version: 4 });
    await using proxy = await startTcpProxy(broker);
    proxy.refuseConnections();
    await expect(connectDevice(proxy.url)).rejects.toThrow(/ECONNRESET|EPIPE|connect/);
    proxy.acceptConnections();
    await using _device = await connectDevice(proxy.url);
    expect(proxy.connectionCount).toBe(1);
  });

  it('holds one direction back until it is resumed', async () => {
    await using broker = await startAedes({ version: 4 });
    await using proxy = await startTcpProxy(broker);
    await using device = await connectDevice(proxy.url);
    await device.subscribe('t');
    proxy.pause('toClient');
    device.client.publish('t', 'x', { qos: 1 });
    await until(() => broker.published().length === 1);
    await expect(device.next('t', { deadlineMs: 50 })).rejects.toThrow('nothing');
    proxy.resume();
    await device.next('t');
  });

  it('lets a client leave that says DISCONNECT', async () => {
    await using broker = await startAedes({ version: 4 });
    await using proxy = await startTcpProxy(broker);
    await using device = await connectDevice(proxy.url);
    await device.client.endAsync();
    await until(() => broker.broker.connectedClients === 0);
    expect(proxy.chunks.at(-1)?.bytes).toEqual(Buffer.from([0xe0, 0]));
  });
});
