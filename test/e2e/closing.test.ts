import { setImmediate as immediate } from 'node:timers/promises';
import {
  ClientMqtt,
  ConfigurationError,
  ConnectionError,
  MqttRecord,
  SubscriptionError,
} from '../../src/index.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { closedGate } from '../support/gate.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { createServer, listen, startServer } from '../support/start-server.js';
import { startStubBroker } from '../support/stub-broker.js';
import { until } from '../support/until.js';

const QUICKLY = 1000; // the connection waits up to 5 s for acknowledgements
const QOS_1 = new MqttRecord(1, { qos: 1 });

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describe.each([4, 5] as const)('a request (MQTT version %d)', (protocolVersion) => {
  it('fails when the client is closed at once', async () => {
    await using broker = await startStubBroker({ protocolVersion });
    await using client = await startClient(broker.url, { protocolVersion });
    const request = outcomeOf(client.send('ask', 1));
    await client.close();
    expect(await request).toBeInstanceOf(ConnectionError);
  });

  it('fails when the client is closed while it connects for it', async () => {
    await using broker = await startStubBroker({ protocolVersion });
    const client = new ClientMqtt({ url: broker.url, protocolVersion });
    const request = outcomeOf(client.send('ask', 1));
    await client.close();
    expect(await request).toBeInstanceOf(ConnectionError);
    await until(() => broker.openCount === 0);
  });

  it('fails when the client is closed while its reply topic is subscribed to', async () => {
    await using broker = await startStubBroker({ protocolVersion, script: { subscribe: 'ignore' } });
    await using client = await startClient(broker.url, { protocolVersion });
    const request = outcomeOf(client.send('ask', 1));
    await until(() => broker.packets('subscribe').length === 1);
    void client.close();
    expect(await request).toBeInstanceOf(ConnectionError);
  });
});

describe('close()', () => {
  it('while it connects ends it, and connect() fails', async () => {
    await using broker = await startStubBroker({ script: { connect: 'ignore' } });
    const client = new ClientMqtt({ url: broker.url });
    const connecting = outcomeOf(client.connect());
    await until(() => broker.packets('connect').length === 1);
    expect(await outcomeOf(client.close(), QUICKLY)).toBe('done');
    expect(await connecting).toBeInstanceOf(ConnectionError);
    await until(() => broker.openCount === 0, { deadlineMs: QUICKLY });
  });

  it('does not end the connection of a connect() that comes after it', async () => {
    await using broker = await startStubBroker({
      script: (connection) => ({ publish: connection === 1 ? 'ignore' : 'answer' }),
    });
    await using client = await startClient(broker.url);
    const first = outcomeOf(client.emit('a', QOS_1), 10_000);
    await until(() => broker.packets('publish').length === 1);
    const closing = client.close();
    const connecting = client.connect();
    broker.closeConnections();
    await Promise.all([closing, connecting]);
    expect(await first).toBeInstanceOf(ConnectionError);
    expect(await outcomeOf(client.emit('b', QOS_1))).toBe('done');
    expect(broker.openCount).toBe(1);
    expect(client.unwrap().connected).toBe(true);
  });

  it('that comes after such a connect() has the last word', async () => {
    await using broker = await startStubBroker();
    await using client = await startClient(broker.url);
    const closing = client.close();
    const connecting = outcomeOf(client.connect());
    const closingAgain = client.close();
    await Promise.all([closing, connecting, closingAgain]);
    await until(() => broker.openCount === 0, { deadlineMs: QUICKLY });
  });

  it('resolves, called twice, when the connection is closed', async () => {
    await using broker = await startStubBroker({ script: { publish: 'ignore' } });
    await using client = await startClient(broker.url);
    const emitted = outcomeOf(client.emit('a', QOS_1), 10_000);
    await until(() => broker.packets('publish').length === 1);
    const acknowledged = { yet: false };
    const closes = [client.close(), client.close()].map((close) => close.then(() => acknowledged.yet));
    await immediate();
    acknowledged.yet = true;
    broker.connection.send({ cmd: 'puback', messageId: broker.packets('publish')[0]!.messageId! });
    expect(await Promise.all(closes)).toEqual([true, true]);
    expect(await emitted).toBe('done');
    await until(() => broker.openCount === 0, { deadlineMs: QUICKLY });
  });

  it('waits for a message that is on its way', async () => {
    await using broker = await startStubBroker({ script: { publish: 'ignore' } });
    await using client = await startClient(broker.url);
    const emitted = outcomeOf(client.emit('a', QOS_1));
    await until(() => broker.packets('publish').length === 1);
    const closing = client.close();
    const { messageId } = broker.packets('publish')[0]!;
    broker.connection.send({ cmd: 'puback', messageId: messageId! });
    await closing;
    expect(await emitted).toBe('done');
    await until(() => broker.packets('disconnect').length === 1);
  });

  it('does not wait for an acknowledgement when the connection is lost meanwhile', async () => {
    await using broker = await startStubBroker({ script: { publish: 'ignore' } });
    await using client = await startClient(broker.url);
    const emitted = outcomeOf(client.emit('a', QOS_1));
    await until(() => broker.packets('publish').length === 1);
    const closing = outcomeOf(client.close(), QUICKLY);
    broker.closeConnections();
    expect(await closing).toBe('done');
    expect(await emitted).toBeInstanceOf(ConnectionError);
  });

  it('does not wait for a SUBACK that has not come in its time', async () => {
    await using broker = await startStubBroker({ script: { subscribe: 'ignore' } });
    await using server = createServer(
      { url: broker.url, subscribeTimeoutMs: 50 },
      { events: { a: () => 1 } },
    );
    expect(await outcomeOf(listen(server), QUICKLY)).toBeInstanceOf(SubscriptionError);
  });

  it('of a client does not wait for a SUBACK that has not come', async () => {
    await using broker = await startStubBroker({ script: { subscribe: 'ignore' } });
    await using client = await startClient(broker.url, { subscribeTimeoutMs: 50 });
    expect(await outcomeOf(client.send('ask', 1))).toBeInstanceOf(SubscriptionError);
    expect(await outcomeOf(client.close(), QUICKLY)).toBe('done');
  });

  it('of a server while it subscribes fails listen()', async () => {
    await using broker = await startStubBroker({ script: { subscribe: 'ignore' } });
    await using server = createServer({ url: broker.url }, { events: { a: () => 1 } });
    const listening = outcomeOf(listen(server), 10_000);
    await until(() => broker.packets('subscribe').length === 1);
    const closing = outcomeOf(server.close(), QUICKLY);
    expect(await closing).toBe('done');
    expect(await listening).toBeInstanceOf(ConnectionError);
  });

  it('of a server writes the acknowledgement of a handler that ends meanwhile, before the DISCONNECT', async () => {
    await using broker = await startStubBroker();
    const gate = closedGate();
    let runs = 0;
    await using server = await startServer(
      { url: broker.url, drainTimeoutMs: 5000 },
      { events: { a: () => (runs++, gate.opened) }, options: { qos: 1 } },
    );
    broker.connection.publish('a', '1', { qos: 1, messageId: 1 });
    await until(() => runs === 1);
    const closing = server.close();
    await until(() => broker.packets('unsubscribe').length === 1);
    gate.open();
    await closing;
    await until(() => broker.packets('disconnect').length === 1);
    expect(broker.packets('puback', 'disconnect').map(({ cmd }) => cmd)).toEqual(['puback', 'disconnect']);
  });

  it('of a server leaves the message of a handler that does not end unacknowledged', async () => {
    await using broker = await startStubBroker();
    const gate = closedGate();
    let runs = 0;
    await using server = await startServer(
      { url: broker.url, drainTimeoutMs: 20 },
      { events: { a: () => (runs++, gate.opened) }, options: { qos: 1 } },
    );
    broker.connection.publish('a', '1', { qos: 1, messageId: 1 });
    broker.connection.publish('a', '2', { qos: 1, messageId: 2 });
    await until(() => runs === 1);
    await server.close();
    gate.open();
    await until(() => broker.openCount === 0);
    expect(broker.packets('puback')).toEqual([]);
    expect(runs).toBe(1);
    expect(logs.errors()).toEqual([]);
  });
});

describe('a QoS 0 message', () => {
  it('that was not yet written when the connection was lost fails', async () => {
    await using broker = await startStubBroker();
    await using client = await startClient(broker.url, { reconnectPeriod: 20 });
    await until(() => broker.packets('connect').length === 1);
    broker.connection.socket.pause();
    const emitted = outcomeOf(client.emit('big', Buffer.alloc(30_000_000)));
    await until(() => client.unwrap().stream.writableNeedDrain);
    broker.closeConnections();
    expect(await emitted).toBeInstanceOf(ConnectionError);
    expect(await outcomeOf(client.emit('small', QOS_1))).toBe('done');
  });

  it('fails also when the client is closed then', async () => {
    await using broker = await startStubBroker();
    await using client = await startClient(broker.url);
    await until(() => broker.packets('connect').length === 1);
    broker.connection.socket.pause();
    const emitted = outcomeOf(client.emit('big', Buffer.alloc(30_000_000)), 10_000);
    await until(() => client.unwrap().stream.writableNeedDrain);
    const closing = client.close();
    broker.closeConnections();
    await closing;
    expect(await emitted).toBeInstanceOf(ConnectionError);
  });
});

describe('options that MQTT.js refuses', () => {
  const cert = '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----';
  const options = { url: 'mqtts://127.0.0.1:1', key: cert, cert };

  it('fail connect(), which does not throw', async () => {
    const client = new ClientMqtt(options);
    let connecting: Promise<void> | undefined;
    expect(() => (connecting = client.connect())).not.toThrow();
    expect(await outcomeOf(connecting!)).toBeInstanceOf(ConfigurationError);
    expect(await outcomeOf(client.connect())).toBeInstanceOf(ConfigurationError);
    await client.close();
  });

  it('fail emit() and send()', async () => {
    const client = new ClientMqtt(options);
    expect(await outcomeOf(client.emit('a', 1))).toBeInstanceOf(ConfigurationError);
    expect(await outcomeOf(client.send('a', 1))).toBeInstanceOf(ConfigurationError);
  });

  it('fail listen()', async () => {
    const server = createServer(options);
    expect(await outcomeOf(listen(server))).toBeInstanceOf(ConfigurationError);
    await server.close();
  });
});
