import { concat, lastValueFrom, NEVER, of, tap } from 'rxjs';
import { ConnectionError, MqttRecord, RequestTimeoutError, type ClientMqttOptions } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { fence } from '../support/fence.js';
import { closedGate } from '../support/gate.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { outcomeOf } from '../support/outcome-of.js';
import { publishesOf } from '../support/packets.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const LONG_MS = 60_000;
const SHORT_MS = 60;

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

let clients = 0;
const keepSession = (protocolVersion: 4 | 5): ClientMqttOptions => ({
  protocolVersion,
  clientId: `kept-${clients++}`,
  clean: false,
  reconnectPeriod: 20,
  ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
});

describeOnBrokers('a client that loses its connection', ({ protocolVersion, start }) => {
  let broker: Broker;
  let proxy: TcpProxy;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());
  beforeEach(async () => {
    proxy = await startTcpProxy(broker);
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  /** A server that answers when the gate is opened. */
  async function serve() {
    const gate = closedGate();
    const runs: unknown[] = [];
    const ask = async (data: unknown) => {
      runs.push(data);
      await gate.opened;
      return `${String(data)} answered`;
    };
    const server = await startServer(
      { url: broker.url, protocolVersion, drainTimeoutMs: 10 },
      { messages: { ask }, options: { qos: 1 } },
    );
    return { gate, runs, [Symbol.asyncDispose]: () => server.close() };
  }
  const clean = { protocolVersion, reconnectPeriod: 20 } as const;

  it.each([0, 1] as const)('fails what it has sent, at once (QoS %d)', async (qos) => {
    await using service = await serve();
    await using client = await startClient(proxy.url, { ...clean, timeoutMs: LONG_MS });
    const request = outcomeOf(client.send('ask', new MqttRecord('one', { qos })));
    await until(() => service.runs.length === 1);
    proxy.refuseConnections();
    proxy.cut();
    const failure = await request;
    expect(failure).toBeInstanceOf(ConnectionError);
    expect((failure as Error).message).toMatch(/^Lost the connection to mqtt:/);
  });

  it('stops the handlers of what it has failed, once it is connected again', async () => {
    let stopped = 0;
    await using _server = await startServer(
      { url: broker.url, protocolVersion, drainTimeoutMs: 10 },
      { messages: { ask: () => concat(of(1), NEVER).pipe(tap({ unsubscribe: () => stopped++ })) } },
    );
    await using client = await startClient(proxy.url, clean);
    let seen = 0;
    const outcome = outcomeOf(client.send('ask', 1).pipe(tap(() => seen++)));
    await until(() => seen === 1);
    proxy.cut();
    expect(await outcome).toBeInstanceOf(ConnectionError);
    await until(() => stopped === 1);
  });

  if (protocolVersion === 5) {
    it('fails it also without a Session Expiry Interval', async () => {
      await using service = await serve();
      const options = { ...clean, clean: false, clientId: 'short-lived' };
      await using client = await startClient(proxy.url, options);
      const request = outcomeOf(client.send('ask', 'one'));
      await until(() => service.runs.length === 1);
      proxy.cut();
      expect(await request).toBeInstanceOf(ConnectionError);
    });
  }

  it('has what it has sent answered after it connects again, where its session is kept', async () => {
    await using service = await serve();
    await using client = await startClient(proxy.url, keepSession(protocolVersion));
    const request = outcomeOf(client.send('ask', new MqttRecord('one', { qos: 0 })));
    await until(() => service.runs.length === 1);
    proxy.cut();
    await until(() => proxy.connectionCount === 2 && client.unwrap().connected);
    service.gate.open();
    expect(await request).toBe('one answered');
  });

  it('is answered in QoS 1 while it is away, where its session is kept', async () => {
    await using service = await serve();
    await using client = await startClient(proxy.url, keepSession(protocolVersion));
    const request = outcomeOf(client.send('ask', new MqttRecord('one', { qos: 1 })));
    await until(() => service.runs.length === 1);
    proxy.refuseConnections();
    proxy.cut();
    await until(() => !client.unwrap().connected);
    service.gate.open();
    await fence(broker.url);
    proxy.acceptConnections();
    expect(await request).toBe('one answered');
    expect(service.runs).toEqual(['one']);
  });

  it('still has the time of a request pass', async () => {
    await using service = await serve();
    await using client = await startClient(proxy.url, {
      ...keepSession(protocolVersion),
      timeoutMs: SHORT_MS,
    });
    const request = outcomeOf(client.send('ask', 'one'));
    await until(() => service.runs.length === 1);
    proxy.refuseConnections();
    proxy.cut();
    expect(await request).toBeInstanceOf(RequestTimeoutError);
  });

  it('sends what it is asked for meanwhile when it is connected again', async () => {
    await using service = await serve();
    service.gate.open();
    await using client = await startClient(proxy.url, clean);
    proxy.refuseConnections();
    proxy.cut();
    await until(() => !client.unwrap().connected);
    const request = outcomeOf(client.send('ask', 'meanwhile'));
    const before = outcomeOf(client.send('ask', new MqttRecord('too late', { timeoutMs: SHORT_MS })));
    expect(await before).toBeInstanceOf(RequestTimeoutError);
    proxy.acceptConnections();
    expect(await request).toBe('meanwhile answered');
    expect(await lastValueFrom(client.send('ask', 'after'))).toBe('after answered');
    expect(service.runs).toEqual(['meanwhile', 'after']);
    expect(publishesOf(proxy, protocolVersion)).toHaveLength(2); // and no cancellation
  });

  it.each<[string, boolean]>([
    ['connected', true],
    ['not', false],
  ])('fails all that wait when it is closed, whether it is %s', async (_, connected) => {
    await using service = await serve();
    await using client = await startClient(proxy.url, keepSession(protocolVersion));
    const requests = [outcomeOf(client.send('ask', 'one'))];
    await until(() => service.runs.length === 1);
    if (!connected) {
      proxy.refuseConnections();
      proxy.cut();
      await until(() => !client.unwrap().connected);
      requests.push(outcomeOf(client.send('ask', 'two')));
    }
    await client.close();
    for (const request of requests) {
      expect(await request).toBeInstanceOf(ConnectionError);
      expect(((await request) as Error).message).toMatch(/ was closed$/);
    }
  });
});

describeWithMosquitto('a broker that has lost the sessions', () => {
  it.each([4, 5] as const)(
    'fails what was sent, and not what is asked for later (version %d)',
    async (version) => {
      await using broker = await startMosquitto();
      let runs = 0;
      const never = new Promise(() => undefined);
      await using _server = await startServer(
        { url: broker.url, protocolVersion: version, drainTimeoutMs: 10 },
        { messages: { ask: () => (runs++, never), after: () => 'after' } },
      );
      await using client = await startClient(broker.url, { ...keepSession(version), timeoutMs: LONG_MS });
      const sent = outcomeOf(client.send('ask', 1));
      await until(() => runs === 1);
      await broker.stop();
      await until(() => !client.unwrap().connected);
      await broker.start();
      const failure = await sent;
      expect(failure).toBeInstanceOf(ConnectionError);
      expect((failure as Error).message).toMatch(/^The session on mqtt:.* was lost$/);
      await until(() => logs.messages('log').filter((line) => line.startsWith('Connected')).length === 4);
      const ask = () => outcomeOf(client.send('after', new MqttRecord(1, { timeoutMs: 200 })));
      await until(async () => (await ask()) === 'after'); // the server, too, has to be back
    },
  );
});
