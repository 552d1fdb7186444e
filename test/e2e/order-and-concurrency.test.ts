import { setTimeout as delay } from 'node:timers/promises';
import { MqttContext, ServerMqtt, type MqttHandlerOptions, type ServerMqttOptions } from '../../src/index.js';
import { startAedes, type AedesBroker } from '../support/aedes-broker.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice, type Device } from '../support/device.js';
import { closedGate } from '../support/gate.js';
import { startMosquitto } from '../support/mosquitto.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { packetsOf } from '../support/packets.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

type Handle = (data: unknown, context: MqttContext) => unknown;

let broker: AedesBroker;
let device: Device;
let logs: CapturedLogs;
let server: ServerMqtt | undefined;

beforeEach(async () => {
  logs = captureLogs();
  broker = await startAedes({ version: 4 });
  device = await connectDevice(broker.url);
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await device[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  logs[Symbol.dispose]();
});

async function serve(
  handlers: Record<string, { handle: Handle; options?: MqttHandlerOptions }>,
  options: ServerMqttOptions = {},
): Promise<void> {
  server = new ServerMqtt({ url: broker.url, drainTimeoutMs: 100, ...options });
  for (const [pattern, { handle, options: extras = {} }] of Object.entries(handlers)) {
    const callback = async (data: unknown, context?: unknown) =>
      (await handle(data, context as MqttContext)) as never;
    server.addHandler(pattern, callback, true, { qos: 1, ...extras });
  }
  const error = await new Promise<unknown>((resolve) => server!.listen(resolve));
  expect(error).toBeUndefined();
}

/** A handler that takes the longer the earlier the message came, and what it has done. */
function slowestFirst() {
  const begun: unknown[] = [];
  const ended: unknown[] = [];
  const handle = async (data: unknown) => {
    begun.push(data);
    await delay(20 - 5 * begun.length);
    ended.push(data);
  };
  return { handle, begun, ended };
}

describe('the order of messages', () => {
  const topics = ['a/1', 'a/1', 'b/1', 'b/2'];
  const publish = async () => {
    for (const [index, topic] of topics.entries())
      await device.publish(topic, `${topic} ${index}`, { qos: 1 });
  };
  const ofTopic = (topic: string, messages: readonly unknown[]) =>
    messages.filter((message) => String(message).startsWith(topic));

  it('is that of their coming for each topic, and topics are handled in parallel, by default', async () => {
    const begun: unknown[] = [];
    const ended: unknown[] = [];
    const otherTopic = closedGate();
    const handle = async (data: unknown) => {
      begun.push(data);
      if (data === 'b/1 2') otherTopic.open();
      if (data === 'a/1 0') await otherTopic.opened;
      ended.push(data);
    };
    await serve({ '+/+': { handle } });
    await publish();
    await until(() => ended.length === 4);
    expect(ofTopic('a/1', ended)).toEqual(['a/1 0', 'a/1 1']);
    expect(begun.indexOf('b/1 2')).toBeLessThan(begun.indexOf('a/1 1'));
  });

  it('is that of their coming for each value of a named level', async () => {
    const { handle, ended } = slowestFirst();
    await serve({ '{group}/+': { handle, options: { order: '{group}' } } });
    await publish();
    await until(() => ended.length === 4);
    expect(ofTopic('b', ended)).toEqual(['b/1 2', 'b/2 3']);
  });

  it('is that of their coming for each key of a function', async () => {
    const { handle, ended } = slowestFirst();
    await serve({ '+/+': { handle, options: { order: () => 'all' } } });
    await publish();
    await until(() => ended.length === 4);
    expect(ended).toEqual(topics.map((topic, index) => `${topic} ${index}`));
  });

  it('is none with "none"', async () => {
    const gate = closedGate();
    const begun: unknown[] = [];
    const handle = async (data: unknown) => {
      begun.push(data);
      await gate.opened;
    };
    await serve({ '+/+': { handle, options: { order: 'none' } } });
    await publish();
    await until(() => begun.length === 4);
    gate.open();
  });

  it('that a function cannot tell fails the message alone', async () => {
    const handled: unknown[] = [];
    const order = ({ topic }: MqttContext) => {
      if (topic === 'a/1') throw new Error('no key');
      return topic;
    };
    await serve({ '+/+': { handle: (data) => handled.push(data), options: { order } } });
    await publish();
    await until(() => handled.length === 2);
    expect(logs.errors()).toEqual(Array(2).fill('@EventPattern("+/+") failed on "a/1": no key'));
  });
});

describe('concurrency', () => {
  /** Counts how many run at once, all of which wait for the gate. */
  function crowd() {
    const gate = closedGate();
    const state = { running: 0, most: 0, ended: 0 };
    const handle = async () => {
      state.most = Math.max(state.most, ++state.running);
      await gate.opened;
      await delay(1);
      state.running--;
      state.ended++;
    };
    return { gate, state, handle };
  }

  it.each([
    ['of the server', {}, { concurrency: 3 }],
    ['of a handler', { concurrency: 3 }, {}],
  ])('%s bounds the handlers that run', async (_, options, serverOptions) => {
    const { gate, state, handle } = crowd();
    await serve({ 'a/+': { handle, options } }, serverOptions);
    for (let n = 0; n < 20; n++) await device.publish(`a/${n}`, '1', { qos: 1 });
    await until(() => state.running === 3);
    gate.open();
    await until(() => state.ended === 20);
    expect(state.most).toBe(3);
  });

  it('of a handler leaves the places of the others free', async () => {
    const { gate, handle } = crowd();
    const seen: unknown[] = [];
    await serve({
      'slow/+': { handle, options: { concurrency: 1 } },
      'quick/+': { handle: (data) => seen.push(data) },
    });
    for (let n = 0; n < 5; n++) await device.publish(`slow/${n}`, '1', { qos: 1 });
    await device.publish('quick/1', '1', { qos: 1 });
    await until(() => seen.length === 1);
    gate.open();
  });

  it('holds QoS 0 messages up to maxQueued, and drops the oldest beyond it', async () => {
    const gate = closedGate();
    const seen: unknown[] = [];
    const handle = async (data: unknown) => {
      seen.push(data);
      await gate.opened;
    };
    await serve({ a: { handle }, b: { handle: (data) => seen.push(data) } }, { maxQueued: 3 });
    for (let n = 0; n < 10; n++) await device.publish('a', String(n));
    await device.publish('b', '"all came"');
    await until(() => seen.includes('all came'));
    gate.open();
    await until(() => seen.length === 5);
    expect(seen).toEqual([0, 'all came', 7, 8, 9]);
    await server!.close();
    expect(logs.warnings()).toEqual([
      'Dropped 6 QoS 0 messages: the oldest of those that waited for a handler',
    ]);
  });

  it.each([0, 1.5, Number.NaN])('%d is refused', (concurrency) => {
    expect(() => new ServerMqtt({ concurrency })).toThrow('concurrency must be an integer of 1 or more');
  });
});

describeWithMosquitto('on MQTT 5, concurrency', () => {
  it('is the Receive Maximum too, so that the broker holds the rest', async () => {
    await using mosquitto = await startMosquitto();
    await using proxy = await startTcpProxy(mosquitto);
    await using publisher = await connectDevice(mosquitto.url);
    const gate = closedGate();
    let running = 0;
    const handle = async () => {
      running++;
      await gate.opened;
    };
    await serve({ 'a/+': { handle } }, { url: proxy.url, protocolVersion: 5, concurrency: 5 });
    for (let n = 0; n < 20; n++) await publisher.publish(`a/${n}`, '1', { qos: 1 });
    await until(() => running === 5);
    const packets = packetsOf(proxy, 5);
    expect(packets.find(({ cmd }) => cmd === 'connect')).toMatchObject({ properties: { receiveMaximum: 5 } });
    expect(
      packets.filter(({ cmd, direction }) => cmd === 'publish' && direction === 'toClient'),
    ).toHaveLength(5);
    gate.open();
    await until(() => running === 20);
  });
});
