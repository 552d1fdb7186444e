import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
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

  it('passes on later, and in order, with a delay', async () => {
    await using ends = await startEnds();
    ends.proxy.delay(100, 'toBroker');
    const begin = performance.now();
    ends.client.write('a');
    await until(() => ends.proxy.chunks.length === 1);
    ends.proxy.delay(0, 'toBroker');
    ends.client.write('b');
    await until(() => ends.atBroker() === 'ab');
    expect(performance.now() - begin).toBeGreaterThan(99);
    ends.broker.write('c');
    await until(() => ends.atClient() === 'c');
  });

  it.each(['toClient', 'toBroker'] as const)(
    'closes one half, %s, and keeps the other',
    async (direction) => {
      await using ends = await startEnds();
      const [closed, open] =
        direction === 'toClient' ? [ends.client, ends.broker] : [ends.broker, ends.client];
      const ended = once(closed, 'end');
      ends.proxy.halfClose(direction);
      await ended;
      open.write('dropped');
      closed.write('passed');
      const passed = direction === 'toClient' ? ends.atBroker : ends.atClient;
      const dropped = direction === 'toClient' ? ends.atClient : ends.atBroker;
      await until(() => passed() === 'passed');
      expect(dropped()).toBe('');
      expect(ends.proxy.openCount).toEqual({ clients: 1, broker: 1 });
    },
  );

  it('forgets connections, so that neither side hears of the other, and accepts anew', async () => {
    await using broker = await startAedes({ version: 4 });
    await using proxy = await startTcpProxy(broker);
    await using device = await connectDevice(proxy.url);
    proxy.forget();
    device.client.publish('t', 'lost', { qos: 1 });
    await using _again = await connectDevice(proxy.url);
    await device.client.endAsync(true);
    await until(() => proxy.openCount.clients === 1);
    expect(proxy.openCount.broker).toBe(2);
    expect(broker.published()).toEqual([]);
  });

  it('need not keep what it passed', async () => {
    await using broker = await startAedes({ version: 4 });
    await using proxy = await startTcpProxy(broker, { records: false });
    await using _device = await connectDevice(proxy.url);
    expect(proxy.chunks).toEqual([]);
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

/** A proxy between two sockets that leave their own half open. */
async function startEnds() {
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => void accepted.push(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const proxy = await startTcpProxy(server.address() as AddressInfo);
  const client = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  const broker = await until(() => accepted[0]);
  const [atBroker, atClient] = [textOf(broker), textOf(client)];
  const dispose = async () => {
    await proxy[Symbol.asyncDispose]();
    for (const socket of [client, broker]) socket.destroy();
    await once(server.close(), 'close');
  };
  return { proxy, client, broker, atBroker, atClient, [Symbol.asyncDispose]: dispose };
}

/** What comes from now on. */
function textOf(socket: Socket): () => string {
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  socket.on('error', () => undefined);
  return () => text;
}
