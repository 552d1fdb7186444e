import { setTimeout as delay } from 'node:timers/promises';
import {
  ServerMqtt,
  type MqttContext,
  type MqttHandlerOptions,
  type ServerMqttOptions,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { packetsOf } from '../support/packets.js';
import { seededRandom } from '../support/seeded-random.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

type Handle = (data: unknown, context: MqttContext) => unknown;

describeOnBrokers('the acknowledgement', ({ protocolVersion, start, kind }) => {
  let broker: Broker;
  let proxy: TcpProxy;
  let device: Device;
  let logs: CapturedLogs;
  let server: ServerMqtt | undefined;

  beforeEach(async () => {
    logs = captureLogs();
    broker = await start();
    proxy = await startTcpProxy(broker);
    device = await connectDevice(broker.url, { protocolVersion });
  });
  afterEach(async () => {
    await server?.close();
    await device[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
    logs[Symbol.dispose]();
  });

  const session = {
    clientId: 'service',
    clean: false,
    reconnectPeriod: 20,
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
  };

  /** A service with one handler on `jobs/+`, or with those given, without Nest's pipeline. */
  const serve = async (
    handlers: Handle | Record<string, Handle>,
    options: MqttHandlerOptions = {},
    serverOptions: ServerMqttOptions = {},
  ) => {
    server = new ServerMqtt({
      url: proxy.url,
      protocolVersion,
      ...session,
      drainTimeoutMs: 100,
      ...serverOptions,
    });
    const table = typeof handlers === 'function' ? { 'jobs/+': handlers } : handlers;
    for (const [pattern, handle] of Object.entries(table)) {
      server.addHandler(
        pattern,
        async (data, context) => (await handle(data, context as MqttContext)) as never,
        true,
        {
          qos: 2,
          ...options,
        },
      );
    }
    const error = await new Promise<unknown>((resolve) => server!.listen(resolve));
    expect(error).toBeUndefined();
    return server;
  };
  const sent = (...commands: string[]) =>
    packetsOf(proxy, protocolVersion).filter(
      ({ cmd, direction }) => direction === 'toBroker' && commands.includes(cmd),
    );
  const delivered = () =>
    packetsOf(proxy, protocolVersion).filter(
      ({ cmd, direction }) => direction === 'toClient' && cmd === 'publish',
    );

  it.each([1, 2] as const)('of QoS %d goes out when the handler has ended, not before', async (qos) => {
    const gate = closedGate();
    let running = false;
    await serve(async () => {
      running = true;
      await gate.opened;
    });
    await device.publish('jobs/a', '1', { qos });
    await until(() => running);
    server!.unwrap().sendPing(); // what was written before the ping has passed the proxy when its answer comes
    await until(() => packetsOf(proxy, protocolVersion).some(({ cmd }) => cmd === 'pingresp'));
    expect(sent('puback', 'pubrec')).toEqual([]);
    gate.open();
    await until(() => sent('puback', 'pubcomp').length === 1);
    expect(sent('puback', 'pubrec').map(({ cmd }) => cmd)).toEqual([qos === 1 ? 'puback' : 'pubrec']);
  });

  it('goes out on receipt if it is asked for', async () => {
    const gate = closedGate();
    await serve(() => gate.opened, { ack: 'receipt' });
    await device.publish('jobs/a', '1', { qos: 1 });
    await until(() => sent('puback').length === 1);
    gate.open();
  });

  it('is the handler\'s with "manual", and may come after its end', async () => {
    const contexts: MqttContext[] = [];
    await serve((_, context) => contexts.push(context), { ack: 'manual' });
    await device.publish('jobs/a', '1', { qos: 1 });
    await until(() => contexts.length === 1);
    server!.unwrap().sendPing();
    await until(() => packetsOf(proxy, protocolVersion).some(({ cmd }) => cmd === 'pingresp'));
    expect(sent('puback')).toEqual([]);
    contexts[0]!.acknowledge();
    contexts[0]!.withhold(); // the first call counts
    await until(() => sent('puback').length === 1);
  });

  it('of many concurrent handlers is in the order in which the messages came [MQTT-4.6.0-2]', async () => {
    const random = seededRandom(7);
    await serve(() => delay(random() * 20), { order: 'none' });
    for (let n = 0; n < 50; n++) await device.publish(`jobs/${n}`, String(n), { qos: n % 2 === 0 ? 1 : 2 });
    await until(() => sent('puback', 'pubrec').length === 50);
    const came = delivered().map(({ messageId }) => messageId);
    expect(sent('puback', 'pubrec').map(({ messageId }) => messageId)).toEqual(came);
  });

  // The pinned beta of Aedes drops all Subscription Identifiers but one.
  (kind === 'aedes' && protocolVersion === 5 ? it.skip : it)(
    'waits for all handlers of a message',
    async () => {
      const gate = closedGate();
      const ended: string[] = [];
      await serve({
        'jobs/+': () => ended.push('quick'),
        'jobs/#': async () => {
          await gate.opened;
          ended.push('slow');
        },
      });
      // where a message comes once for each filter, each copy has an acknowledgement of its own
      await device.publish('jobs/a', '1', { qos: 1 });
      await until(() => ended.length > 0);
      expect(sent('puback').length).toBeLessThan(delivered().length);
      gate.open();
      await until(() => sent('puback').length === delivered().length);
    },
  );

  it('that is withheld does not hold up others, and the message comes again on the next connection', async () => {
    const seen: string[] = [];
    await serve((data, context) => {
      seen.push(String(data));
      if (data === 'poison' && seen.length === 1) context.withhold();
    });
    await device.publish('jobs/a', 'poison', { qos: 1 });
    await device.publish('jobs/b', 'good', { qos: 1 });
    await until(() => sent('puback').length === 1);
    expect(seen).toEqual(['poison', 'good']);
    proxy.cut();
    await until(() => seen.length === 3);
    expect(seen).toEqual(['poison', 'good', 'poison']);
    await until(() => sent('puback').length === 2);
  });

  it('that rejects has its Reason Code on MQTT 5, and none on 3.1.1', async () => {
    await serve((_, context) => context.reject(0x97));
    await device.publish('jobs/a', '1', { qos: 1 });
    await until(() => sent('puback').length === 1);
    const code = (sent('puback')[0] as { reasonCode?: number }).reasonCode ?? 0;
    expect(code).toBe(protocolVersion === 5 ? 0x97 : 0);
  });

  it('is never written to another connection than that of its message', async () => {
    const gate = closedGate();
    let runs = 0;
    await serve(async () => {
      runs++;
      await gate.opened;
    });
    await device.publish('jobs/a', '1', { qos: 1 });
    await until(() => runs === 1);
    const again = new Promise((resolve) => {
      server!.on('packetreceive', (packet: { cmd: string }) => packet.cmd === 'publish' && resolve(packet));
    });
    proxy.cut();
    await again; // while it is handled, and is not handled twice
    gate.open();
    await until(() => sent('puback').length === 1);
    expect(sent('puback')[0]).toMatchObject({ connection: 2, messageId: delivered()[1]!.messageId });
    expect(runs).toBe(1);
  });

  it('of QoS 2 is given again, and the message not handled again, when the connection is lost before the PUBREL', async () => {
    let runs = 0;
    await serve(() => runs++);
    proxy.pause('toClient'); // the PUBREL will not arrive
    const published = device.publish('jobs/a', '1', { qos: 2 });
    await published;
    proxy.resume('toClient');
    await until(() => runs === 1);
    proxy.cut();
    await until(() => proxy.connectionCount === 2);
    await device.publish('jobs/b', '2', { qos: 2 });
    await until(() => runs === 2);
    expect(runs).toBe(2);
  });

  it('does not stop the pings of a slow handler', async () => {
    let runs = 0;
    await serve(
      async () => {
        runs++;
        await delay(5000);
      },
      {},
      { keepalive: 1, drainTimeoutMs: 10_000 },
    );
    await device.publish('jobs/a', '1', { qos: 1 });
    await until(() => sent('puback').length === 1, { deadlineMs: 10_000 });
    expect(runs).toBe(1);
    expect(proxy.connectionCount).toBe(1);
  });

  it('does not keep a handler from publishing with QoS 1 on the same connection', async () => {
    const running = await serve(async (data) => {
      await running.unwrap().publishAsync('results/a', String(data), { qos: 1 });
    });
    await device.subscribe('results/#');
    await device.publish('jobs/a', '1', { qos: 1 });
    expect((await device.next('results/a')).payload.toString()).toBe('1');
    await until(() => sent('puback').length === 1);
  });
});
