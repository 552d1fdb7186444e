import { ConnectionError, SubscriptionError } from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startStubBroker, type StubBroker, type StubScript } from '../support/stub-broker.js';
import { until } from '../support/until.js';

const SESSION_RETRY_MS = 5000; // that of the connection
const RETRIED = { deadlineMs: SESSION_RETRY_MS + 5000 };

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

/** On which connections a SUBSCRIBE came. */
const subscribedOn = ({ connections }: StubBroker) =>
  connections.flatMap((connection) => connection.received('subscribe').map(() => connection.number));
const isAnswered = ({ connection }: StubBroker) =>
  connection.received('pingreq', 'subscribe', 'publish').length > 0;

describe.each([4, 5] as const)(
  'a session that the broker has forgotten (MQTT version %d)',
  (protocolVersion) => {
    const session = {
      url: '',
      protocolVersion,
      clientId: 'service',
      clean: false,
      reconnectPeriod: 20,
    } as const;

    // the second connection creates a session without our subscriptions, which the third one finds
    const forgetful: (connection: number) => StubScript = (connection) => ({
      connect: { sessionPresent: connection > 2 },
      subscribe: connection === 2 ? 'close' : 'answer',
    });

    it('is subscribed to again, also when that is interrupted and the next one is present', async () => {
      await using broker = await startStubBroker({ protocolVersion, script: forgetful });
      const handled: unknown[] = [];
      await using _server = await startServer(
        { ...session, url: broker.url },
        { events: { a: (data) => handled.push(data) } },
      );
      broker.closeConnections();
      await until(() => broker.connections.length === 3 && isAnswered(broker));
      expect(subscribedOn(broker)).toEqual([1, 2, 3]);
      broker.connection.publish('a', '1');
      await until(() => handled.length === 1);
    });

    it('is not subscribed to again when it is present', async () => {
      await using broker = await startStubBroker({
        protocolVersion,
        script: (connection) => ({ connect: { sessionPresent: connection > 1 } }),
      });
      await using server = await startServer({ ...session, url: broker.url }, { events: { a: () => 1 } });
      broker.closeConnections();
      await until(() => broker.connections.length === 2);
      await until(() => server.unwrap().connected);
      await server.unwrap().publishAsync('barrier', '', { qos: 1 });
      expect(subscribedOn(broker)).toEqual([1]);
    });

    it('is subscribed to again for the replies of a client', async () => {
      await using broker = await startStubBroker({ protocolVersion, script: forgetful });
      await using client = await startClient(broker.url, { ...session });
      const first = outcomeOf(client.send('ask', 1), 10_000);
      await until(() => broker.packets('publish').length === 1);
      broker.closeConnections();
      await until(() => broker.connections.length === 3);
      await until(() => subscribedOn(broker).includes(3));
      const second = outcomeOf(client.send('ask', 2));
      await until(() => broker.connection.received('publish').length === 1);
      expect(subscribedOn(broker)).toEqual([1, 2, 3]);
      await client.close();
      expect(await first).toBeInstanceOf(ConnectionError);
      expect(await second).toBeInstanceOf(ConnectionError);
    });
  },
);

describe.each<[string, readonly number[] | 'ignore', string]>([
  ['refused', [0x80], 'refused'],
  ['not answered', 'ignore', 'did not answer'],
])('a subscription that is %s on a later connection', (_, failing, complaint) => {
  /** Fails for the first SUBSCRIBE of the second connection; the stub's scripts do not count, so the test sends the rest. */
  const script = (connection: number): StubScript => (connection === 2 ? { subscribe: 'ignore' } : {});
  const refuse = (broker: StubBroker) => {
    const messageId = broker.connection.received('subscribe')[0]!.messageId!;
    if (failing !== 'ignore') broker.connection.send({ cmd: 'suback', messageId, granted: [...failing] });
  };
  const grant = (broker: StubBroker) => {
    const messageId = broker.connection.received('subscribe').at(-1)!.messageId!;
    broker.connection.send({ cmd: 'suback', messageId, granted: [0] });
  };

  it('is asked for again on that connection', async () => {
    await using broker = await startStubBroker({ script });
    const handled: unknown[] = [];
    await using _server = await startServer(
      { url: broker.url, subscribeTimeoutMs: 200 },
      { events: { a: (data) => handled.push(data) } },
    );
    broker.closeConnections();
    await until(
      () => broker.connections.length === 2 && broker.connection.received('subscribe').length === 1,
    );
    refuse(broker);
    await until(() => logs.errors().length === 1);
    expect(logs.errors()[0]).toMatch(new RegExp(`${complaint} the subscription to "a".*trying again`));
    await until(() => broker.connection.received('subscribe').length === 2, RETRIED);
    grant(broker);
    broker.connection.publish('a', '1');
    await until(() => handled.length === 1);
    expect(broker.connections).toHaveLength(2);
  });

  it('fails the requests that wait for replies on it, and is asked for with the next request', async () => {
    await using broker = await startStubBroker({ script });
    await using client = await startClient(broker.url, { reconnectPeriod: 20, subscribeTimeoutMs: 200 });
    const sent = outcomeOf(client.send('ask', 1));
    await until(() => broker.packets('publish').length === 1);
    broker.closeConnections();
    expect(await sent).toBeInstanceOf(ConnectionError);
    const waiting = outcomeOf(client.send('ask', 2));
    await until(
      () => broker.connections.length === 2 && broker.connection.received('subscribe').length === 1,
    );
    refuse(broker);
    expect(await waiting).toBeInstanceOf(SubscriptionError);
    const next = outcomeOf(client.send('ask', 3));
    await until(() => broker.connection.received('subscribe').length === 2, RETRIED);
    const { messageId } = broker.connection.received('subscribe')[1]!;
    broker.connection.send({ cmd: 'suback', messageId: messageId!, granted: [1] });
    const { payload } = await until(() =>
      broker.connection.received('publish').find(({ topic }) => topic === 'ask'),
    );
    const request = JSON.parse(payload.toString()) as { id: string; replyTo: string };
    broker.connection.publish(
      request.replyTo,
      JSON.stringify({ id: request.id, response: 'answer', isDisposed: true }),
    );
    expect(await next).toBe('answer');
  });
});

describe('a broker that closes the connection on SUBSCRIBE', () => {
  it.each([1, 3])('fails listen() after maxConnectionAttempts: %d', async (maxConnectionAttempts) => {
    await using broker = await startStubBroker({ script: { subscribe: 'close' } });
    await using server = createServer({ url: broker.url, maxConnectionAttempts }, { events: { a: () => 1 } });
    const failure = await outcomeOf(listen(server));
    expect(failure).toBeInstanceOf(ConnectionError);
    expect((failure as Error).message).toContain('closed the connection while subscribing');
    expect(broker.connections).toHaveLength(maxConnectionAttempts);
  });

  it('is tried again without that, with one line in the log', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ subscribe: connection > 3 ? 'answer' : 'close' }),
    });
    await using server = createServer({ url: broker.url }, { events: { a: () => 1 } });
    expect(await outcomeOf(listen(server))).toBe('done');
    expect(broker.connections).toHaveLength(4);
    expect(logs.errors()).toEqual([expect.stringContaining('closed the connection while subscribing')]);
  });

  it('fails a request of a client, and the client goes on', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ subscribe: connection > 1 ? 'answer' : 'close' }),
    });
    await using client = await startClient(broker.url, { reconnectPeriod: 20 });
    const request = outcomeOf(client.send('ask', 1));
    await until(() => broker.packets('publish').length === 1);
    expect(subscribedOn(broker)).toEqual([1, 2]);
    await client.close();
    expect(await request).toBeInstanceOf(ConnectionError);
  });
});
