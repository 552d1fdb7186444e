import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { outcomeOf } from '../support/outcome-of.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';
import { startStubBroker, type StubBroker, type StubConnection } from '../support/stub-broker.js';
import { until } from '../support/until.js';

const TOPIC = [0, 1, 0x61];
/** Bytes of a PUBLISH on "a" after which nobody knows where the next packet begins, or which one is meant. */
const UNREADABLE: readonly (readonly [string, 4 | 5, readonly number[]])[] = [
  ['QoS 3', 4, [0x36, 5, ...TOPIC, 0, 1]],
  ['a length of five bytes', 4, [0x30, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ['a topic that is longer than the packet', 4, [0x30, 3, 0, 9, 0x61]],
  ['no Packet Identifier', 4, [0x32, 3, ...TOPIC]],
  ['the Packet Identifier 0', 4, [0x32, 5, ...TOPIC, 0, 0]],
  ['the Packet Identifier 0', 5, [0x34, 6, ...TOPIC, 0, 0, 0]],
  ['a Subscription Identifier of five bytes', 5, [0x30, 10, ...TOPIC, 6, 0x0b, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ['a property that is none', 5, [0x30, 6, ...TOPIC, 2, 0x7f, 0]],
  ['a packet of a kind that there is not', 4, [0x00, 0]],
];

/** Properties that break a rule, in a PUBLISH that can be told from the next one. */
const BROKEN: readonly (readonly [string, readonly number[]])[] = [
  ['Response Topic', [...text(0x08, 'r'), ...text(0x08, 'r')]],
  ['Response Topic', [0x08, 0xff, 0xff]],
  ['Correlation Data', [...text(0x08, 'r'), ...text(0x09, '1'), ...text(0x09, '2')]],
  ['Content Type', [...text(0x03, 'text/plain'), ...text(0x03, 'text/plain')]],
  ['Message Expiry Interval', [0x02, 0, 0, 0, 1, 0x02, 0, 0, 0, 2]],
  ['Payload Format Indicator', [0x01, 1, 0x01, 1]],
  ['User Property', [0x26, 0, 1, 0x6e, 0xff, 0xff]],
  ['Subscription Identifier', [0x0b, 0x80]],
];

let logs: CapturedLogs;

beforeEach(() => {
  logs = captureLogs();
});
afterEach(() => logs[Symbol.dispose]());

describe('a packet that cannot be read', () => {
  it.each(UNREADABLE)(
    'ends the connection of a server, which makes it again: %s (MQTT version %d)',
    async (_, protocolVersion, bytes) => {
      await using broker = await startStubBroker({ protocolVersion });
      const handled: unknown[] = [];
      await using _server = await startServer(
        { url: broker.url, protocolVersion },
        { events: { a: (data) => handled.push(data) }, options: { qos: 2 } },
      );
      broker.connection.socket.write(Buffer.from(bytes));
      await until(() => !broker.connections[0]!.open, { deadlineMs: 2000 });
      const next = await resubscribed(broker);
      next.publish('a', '"valid"', { qos: 1, messageId: 1 });
      await until(() => next.received('puback').length === 1);
      expect(handled).toEqual(['valid']);
      expect(logs.errors()).toHaveLength(1);
    },
  );

  it('ends the connection of a client, which makes it again', async () => {
    await using broker = await startStubBroker();
    await using client = await startClient(broker.url, { reconnectPeriod: 20 });
    broker.connection.socket.write(Buffer.from([0x36, 0]));
    await until(() => broker.connections.length === 2, { deadlineMs: 2000 });
    expect(await outcomeOf(client.emit('a', 1))).toBe('done');
  });

  it('fails the attempt to connect when it comes instead of a CONNACK', async () => {
    await using broker = await startStubBroker({ script: { connect: 'ignore' } });
    const connecting = startClient(broker.url);
    await until(() => broker.packets('connect').length === 1);
    broker.connection.socket.write('SSH-2.0-OpenSSH_9.2\r\n');
    expect(String(await outcomeOf(connecting, 2000))).toContain('is this an MQTT broker?');
  });
});

describe('a PUBLISH with a property that breaks a rule', () => {
  it.each(BROKEN)('is rejected, and the connection stays: %s (%j)', async (_, properties) => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    const handled: unknown[] = [];
    const handle = (data: unknown) => handled.push(data);
    await using _server = await startServer(
      { url: broker.url, protocolVersion: 5 },
      { events: { a: handle, '#': handle }, messages: { a: handle }, options: { qos: 1 } },
    );
    const rest = [0, 1, properties.length, ...properties];
    for (let times = 1; times <= 2; times++) {
      broker.connection.socket.write(Buffer.from([0x32, TOPIC.length + rest.length, ...TOPIC, ...rest]));
      await until(() => broker.packets('puback').length === times);
    }
    broker.connection.publish('b', '"valid"', { qos: 1, messageId: 2 });
    await until(() => broker.packets('puback').length === 3);
    expect(broker.packets('puback').map(({ reasonCode }) => reasonCode)).toEqual([0x80, 0x80, 0]);
    expect([handled, broker.connections.length]).toEqual([['valid'], 1]);
    expect(logs.warnings()).toEqual([expect.stringContaining('"a"')]);
  });

  it.each(BROKEN)('is no reply: %s (%j)', async (_, properties) => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    await using client = await startClient(broker.url, { protocolVersion: 5 });
    const outcome = outcomeOf(client.send('ask', 1));
    const request = await until(() => broker.packets('publish')[0]);
    const { responseTopic = '', correlationData } = request.properties ?? {};
    const own = [...text(0x09, correlationData!), ...properties];
    const body = [...field(Buffer.from(responseTopic)), own.length, ...own];
    broker.connection.socket.write(Buffer.from([0x30, body.length, ...body]));
    broker.connection.publish(responseTopic, '2', { properties: { correlationData: correlationData! } });
    expect(await outcome).toBe(2);
    expect(broker.connections).toHaveLength(1);
  });
});

it.each([['ff'], ['c080'], ['eda080']])(
  'a Response Topic that is no UTF-8 is not published to (0x%s)',
  async (hex) => {
    await using broker = await startStubBroker({ protocolVersion: 5 });
    const handled: unknown[] = [];
    const messages = { a: (data: unknown) => handled.push(data) };
    await using _server = await startServer({ url: broker.url, protocolVersion: 5 }, { messages });
    const properties = [0x08, ...field(Buffer.from(`72${hex}`, 'hex'))];
    const body = [...TOPIC, properties.length, ...properties, 0x31];
    broker.connection.socket.write(Buffer.from([0x30, body.length, ...body]));
    broker.connection.publish('a', '2', { properties: { responseTopic: 'replies' } });
    await until(() => broker.packets('publish').length > 0);
    expect(broker.packets('publish').map(({ topic }) => topic)).toEqual(['replies']);
    expect(handled).toEqual([2]);
    expect(logs.warnings()).toEqual([expect.stringContaining('not well-formed UTF-8')]);
  },
);

async function resubscribed(broker: StubBroker): Promise<StubConnection> {
  return until(() =>
    broker.connections.slice(1).find((connection) => connection.received('subscribe').length > 0),
  );
}

function text(identifier: number, value: string | Buffer): readonly number[] {
  return [identifier, ...field(Buffer.from(value))];
}

function field(bytes: Buffer): readonly number[] {
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
}
