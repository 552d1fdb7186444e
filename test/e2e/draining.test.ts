import { ServerMqtt, type ServerMqttOptions } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { packetsOf } from '../support/packets.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

describeOnBrokers('closing a server', ({ protocolVersion, start }) => {
  let broker: Broker;
  let proxy: TcpProxy;
  let device: Device;
  let logs: CapturedLogs;
  const servers: ServerMqtt[] = [];

  beforeEach(async () => {
    logs = captureLogs();
    broker = await start();
    proxy = await startTcpProxy(broker);
    device = await connectDevice(broker.url, { protocolVersion });
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    await device[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
    logs[Symbol.dispose]();
  });

  const kept: ServerMqttOptions = {
    clientId: 'service',
    clean: false,
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
  };

  async function serve(filter: string, handle: (data: unknown) => unknown, options: ServerMqttOptions = {}) {
    const server = new ServerMqtt({ url: proxy.url, protocolVersion, ...options });
    servers.push(server);
    server.addHandler(filter, async (data: unknown) => (await handle(data)) as never, true, { qos: 1 });
    const error = await new Promise<unknown>((resolve) => server.listen(resolve));
    expect(error).toBeUndefined();
    return server;
  }
  const sent = () =>
    packetsOf(proxy, protocolVersion)
      .filter(({ direction }) => direction === 'toBroker')
      .map(({ cmd }) => cmd);

  it('unsubscribes first, and acknowledges what it handled before the DISCONNECT', async () => {
    const gate = closedGate();
    let running = 0;
    const server = await serve('jobs/+', async () => {
      running++;
      await gate.opened;
    });
    await device.publish('jobs/a', '1', { qos: 1 });
    await device.publish('jobs/b', '1', { qos: 1 });
    await until(() => running === 2);
    const closing = server.close();
    await until(() => sent().includes('unsubscribe'));
    expect(sent()).not.toContain('disconnect');
    gate.open();
    await closing;
    expect(sent().slice(-4)).toEqual(['unsubscribe', 'puback', 'puback', 'disconnect']);
  });

  it('leaves the subscriptions to a kept session, whose messages wait for the next start', async () => {
    const handled: unknown[] = [];
    const server = await serve('jobs/+', (data) => handled.push(data), kept);
    await server.close();
    expect(sent()).not.toContain('unsubscribe');
    await device.publish('jobs/a', '1', { qos: 1 });
    await serve('jobs/+', (data) => handled.push(data), kept);
    await until(() => handled.length === 1);
  });

  it('waits no longer than drainTimeoutMs: what has not ended comes again', async () => {
    let runs = 0;
    const handle = () => {
      runs++;
      return runs === 1 ? closedGate().opened : undefined;
    };
    const server = await serve('jobs/+', handle, { ...kept, drainTimeoutMs: 50 });
    await device.publish('jobs/a', '1', { qos: 1 });
    await until(() => runs === 1);
    await server.close();
    expect(sent()).not.toContain('puback');
    await serve('jobs/+', handle, kept);
    await until(() => runs === 2);
  });

  it('is waited for by a listen() that comes meanwhile', async () => {
    const gate = closedGate();
    const handled: unknown[] = [];
    const server = await serve('jobs/+', async (data) => {
      handled.push(data);
      await gate.opened;
    });
    await device.publish('jobs/a', '1', { qos: 1 });
    await until(() => handled.length === 1);
    const closing = server.close();
    const listening = new Promise<unknown>((resolve) => server.listen(resolve));
    gate.open();
    await closing;
    expect(await listening).toBeUndefined();
    await device.publish('jobs/a', '2', { qos: 1 });
    await until(() => handled.length === 2);
  });

  it('leaves what has not begun by the deadline to the broker, also for a listen() of the same server', async () => {
    const gate = closedGate();
    const handled: unknown[] = [];
    const handle = async (data: unknown) => {
      handled.push(data);
      if (data === 1) await gate.opened;
    };
    const server = await serve('jobs/+', handle, { ...kept, drainTimeoutMs: 50 });
    for (const job of [1, 2, 3]) await device.publish('jobs/a', String(job), { qos: 1 });
    await until(() => handled.length === 1);
    await server.close();
    expect(await new Promise<unknown>((resolve) => server.listen(resolve))).toBeUndefined();
    await until(() => handled.includes(3));
    expect(handled.slice(0, 3)).toEqual([1, 2, 3]);
    gate.open();
  });

  it('gives up what waits for a retry and cannot come again', async () => {
    const server = new ServerMqtt({ url: proxy.url, protocolVersion, ...kept });
    servers.push(server);
    let runs = 0;
    const fail = () => {
      runs++;
      return Promise.reject(new Error('too hot'));
    };
    const options = {
      qos: 1,
      ack: 'receipt',
      retry: { attempts: 3, delayMs: 60_000 },
      deadLetter: 'graves',
    } as const;
    server.addHandler('jobs/+', fail, true, options);
    expect(await new Promise<unknown>((resolve) => server.listen(resolve))).toBeUndefined();
    await device.subscribe('graves');
    await device.publish('jobs/a', 'body', { qos: 1 });
    await until(() => runs === 1);
    await server.close();
    expect((await device.next('graves')).payload.toString()).toContain('body');
  });

  it('unsubscribes at the next start from what is retired, and keeps the rest', async () => {
    const handled: unknown[] = [];
    const old = await serve('old/{id}', () => undefined, kept);
    await old.close();
    await serve('jobs/+', (data) => handled.push(data), { ...kept, retiredFilters: ['old/{id}'] });
    expect(sent()).toContain('unsubscribe');
    await device.publish('old/a', '1', { qos: 1 });
    await device.publish('jobs/a', '2', { qos: 1 });
    await until(() => handled.length === 1);
    const delivered = packetsOf(proxy, protocolVersion).filter(
      ({ cmd, direction }) => cmd === 'publish' && direction === 'toClient',
    );
    expect(delivered.map((packet) => 'topic' in packet && packet.topic)).toEqual(['jobs/a']);
  });
});
