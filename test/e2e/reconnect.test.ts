import { performance } from 'node:perf_hooks';
import { ClientMqtt, ConfigurationError, ConnectionError, MqttRecord, ServerMqtt } from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { freePort } from '../support/free-port.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen } from '../support/start-server.js';
import { startStubBroker, type StubBroker } from '../support/stub-broker.js';
import { until } from '../support/until.js';

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

const portOf = ({ url }: { readonly url: string }) => Number(new URL(url).port);
const connectCount = (broker: StubBroker) => broker.packets('connect').length;

describe('a connection that cannot be made', () => {
  it('is tried again after delays that grow, up to maxMs', async () => {
    const at: number[] = [];
    await using broker = await startStubBroker({
      script: () => {
        at.push(performance.now());
        return { connect: 'close' };
      },
    });
    const reconnect = { initialMs: 20, factor: 2, maxMs: 80, jitter: 0 };
    const client = new ClientMqtt({ url: broker.url, reconnect, maxConnectionAttempts: 6 });
    expect(await outcomeOf(client.connect())).toBeInstanceOf(ConnectionError);
    const delays = at.slice(1).map((time, index) => time - at[index]!);
    for (const [index, shortest] of [20, 40, 80, 80, 80].entries())
      expect(delays[index]).toBeGreaterThan(shortest - 2);
    expect(at).toHaveLength(6);
  });

  it('is tried again at a fixed period with a reconnectPeriod', async () => {
    const port = await freePort();
    const started = performance.now();
    const client = new ClientMqtt({
      url: `mqtt://127.0.0.1:${port}`,
      reconnectPeriod: 10,
      maxConnectionAttempts: 10,
    });
    expect(await outcomeOf(client.connect())).toBeInstanceOf(ConnectionError);
    expect(performance.now() - started).toBeLessThan(10_000); // the back-off would take a minute and more
  });

  it('is not tried again with a reconnectPeriod of 0', async () => {
    await using broker = await startStubBroker({ script: { connect: 'close' } });
    await using server = createServer({ url: broker.url, reconnectPeriod: 0 });
    expect(await outcomeOf(listen(server))).toBeInstanceOf(ConnectionError);
    expect(broker.connections).toHaveLength(1);
  });
});

describe('a connection that is lost', () => {
  const reconnect = { initialMs: 10, maxMs: 50 };

  it('is made again by the back-off', async () => {
    await using broker = await startStubBroker();
    await using client = await startClient(broker.url, { reconnect });
    let connects = 1;
    client.on('connect', () => connects++);
    for (const count of [2, 3, 4]) {
      broker.closeConnections();
      await until(() => connects === count);
    }
    expect(connectCount(broker)).toBe(4);
    expect(logs.messages('log')).toHaveLength(4);
  });

  it('is not made again with a reconnectPeriod of 0', async () => {
    await using broker = await startStubBroker();
    await using client = await startClient(broker.url, { reconnectPeriod: 0 });
    const statuses: string[] = [];
    client.status.subscribe((status) => statuses.push(status));
    const pending = outcomeOf(client.send('ask', 1));
    await until(() => broker.packets('publish').length === 1);
    broker.closeConnections();
    expect(await pending).toBeInstanceOf(ConnectionError);
    expect(statuses).toEqual(['connected', 'closed']);
    expect(() => client.unwrap()).toThrow('Not initialized');
  });

  it('takes the unacknowledged messages along, also over an attempt that times out', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({
        connect: connection === 2 ? 'ignore' : 'answer',
        publish: connection === 1 ? 'ignore' : 'answer',
      }),
    });
    await using client = await startClient(broker.url, { reconnect, connectTimeout: 50 });
    const emitted = outcomeOf(client.emit('a', new MqttRecord('1', { qos: 1 })));
    await until(() => broker.packets('publish').length === 1);
    broker.closeConnections();
    const queued = outcomeOf(client.emit('a', new MqttRecord('2', { qos: 1 })));
    expect(await emitted).toBe('done');
    expect(await queued).toBe('done');
    expect(connectCount(broker)).toBe(3);
    expect(broker.connections[2]!.received('publish').map(({ payload }) => payload.toString())).toEqual([
      '1',
      '2',
    ]);
  });

  it.each([1, 2] as const)(
    'has what is sent again in its session marked by DUP, and nothing else [MQTT-3.3.1-1] (QoS %d)',
    async (qos) => {
      await using broker = await startStubBroker({
        script: (connection) => ({
          connect: { sessionPresent: connection > 1 },
          publish: connection === 1 ? 'ignore' : 'answer',
        }),
      });
      await using client = await startClient(broker.url, { reconnect, clean: false, clientId: 'kept' });
      const emitted = ['1', '2'].map((data) => outcomeOf(client.emit('a', new MqttRecord(data, { qos }))));
      await until(() => broker.packets('publish').length === 2);
      const lost = new Promise((resolve) => client.on('close', () => resolve(undefined)));
      broker.closeConnections();
      await lost;
      emitted.push(outcomeOf(client.emit('a', new MqttRecord('3', { qos }))));
      expect(await Promise.all(emitted)).toEqual(['done', 'done', 'done']);
      const sent = broker.packets('publish').map(({ payload, dup }) => `${payload.toString()} ${dup}`);
      expect(sent).toEqual(['1 false', '2 false', '1 true', '2 true', '3 false']);
    },
  );

  it('is not made again when the application is closed meanwhile', async () => {
    await using broker = await startStubBroker();
    const client = await startClient(broker.url, { reconnect: { initialMs: 30, jitter: 0 } });
    const lost = new Promise((resolve) => client.on('close', () => resolve(undefined)));
    broker.closeConnections();
    await lost;
    await client.close();
    await using _other = await startClient(broker.url, { reconnect: { initialMs: 60, jitter: 0 } });
    broker.closeConnections();
    await until(() => connectCount(broker) === 3); // that of the other one, which waits longer
    expect(
      new Set(
        broker
          .packets('connect')
          .slice(1)
          .map(({ clientId }) => clientId),
      ).size,
    ).toBe(1);
  });

  it('is left to somebody who ends or reconnects the client of MQTT.js', async () => {
    await using broker = await startStubBroker();
    await using ended = await startClient(broker.url, { clientId: 'ended', reconnect });
    await using moved = await startClient(broker.url, { clientId: 'moved', reconnect });
    const connected = new Promise((resolve) => moved.on('connect', () => resolve(undefined)));
    moved.unwrap().reconnect();
    await connected;
    await ended.unwrap().endAsync();
    await using other = await startClient(broker.url, {
      clientId: 'other',
      reconnect: { maxMs: 200, jitter: 0 },
    });
    const back = new Promise((resolve) => other.on('connect', () => resolve(undefined)));
    broker.connections.at(-1)!.close();
    await back;
    const counts = ['ended', 'moved', 'other'].map(
      (id) => broker.packets('connect').filter(({ clientId }) => clientId === id).length,
    );
    expect(counts).toEqual([1, 2, 2]);
  });
});

describe('several servers', () => {
  const host = '127.0.0.1';

  it('are tried in turn, at the first connection and at later ones', async () => {
    await using second = await startAedes({ version: 4 });
    await using third = await startAedes({ version: 4 });
    const servers = [await freePort(), second.port, third.port].map((port) => ({ host, port }));
    await using server = createServer({ servers, reconnectPeriod: 10 }, { events: { a: () => 1 } });
    await listen(server);
    expect(second.subscribed()).toHaveLength(1);
    second.disconnectAll();
    await until(() => third.subscribed().length === 1);
    third.disconnectAll();
    await until(() => second.subscribed().length === 2);
    await until(() => logs.messages('log').length === 3);
    expect(logs.messages('log')).toEqual(
      [second, third, second].map(({ port }) => `Connected to 127.0.0.1:${port}`),
    );
  });

  it('are all named when none can be reached', async () => {
    const servers = [await freePort(), await freePort()].map((port) => ({ host, port }));
    const client = new ClientMqtt({ servers, reconnectPeriod: 1, maxConnectionAttempts: 4 });
    const failure = (await outcomeOf(client.connect())) as ConnectionError;
    const [one, two] = servers.map(({ port }) => `127.0.0.1:${port}`);
    expect(failure.message).toBe(`Cannot connect to ${one}, ${two} (connect ECONNREFUSED ${two})`);
  });

  it('are gone through once more with each attempt', async () => {
    await using first = await startStubBroker({ script: { connect: 'close' } });
    await using second = await startStubBroker({ script: { connect: 'close' } });
    const servers = [first, second].map((broker) => ({ host, port: portOf(broker) }));
    const client = new ClientMqtt({ servers, reconnectPeriod: 1, maxConnectionAttempts: 5 });
    await outcomeOf(client.connect());
    expect([connectCount(first), connectCount(second)]).toEqual([3, 2]);
  });
});

it.each([
  [{ reconnect: { factor: 0 } }, 'reconnect.factor must be from 1'],
  [{ reconnect: {}, reconnectPeriod: 1000 }, 'exclude each other'],
])('a mistake in the back-off shows at construction: %j', (options, message) => {
  for (const construct of [() => new ServerMqtt(options), () => new ClientMqtt(options)]) {
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow(message);
  }
});

it('a client keeps its {uuid} over reconnections, and has another one after close()', async () => {
  await using broker = await startStubBroker();
  const options = { clientId: 'a-{uuid}', reconnectPeriod: 5 };
  await using client = await startClient(broker.url, options);
  broker.closeConnections();
  await until(() => connectCount(broker) === 2);
  await client.close();
  await client.connect();
  const [first, second, third] = broker.packets('connect').map(({ clientId }) => clientId);
  expect(first).toMatch(/^a-[0-9a-f-]{36}$/);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});
