import { MqttRecord, PublishError } from 'nestjs-mqtt';
import { MqttTestBroker, type MqttTestBrokerOptions } from 'nestjs-mqtt/testing';
import { lastValueFrom } from 'rxjs';
import { answersConnect } from '../support/answers-connect.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { createAedes } from '../support/create-aedes.js';
import { connectDevice, type Device } from '../support/device.js';
import { fence } from '../support/fence.js';
import { startClient } from '../support/start-client.js';
import { startServer } from '../support/start-server.js';

describe.each([4, 5] as const)('MqttTestBroker, version %i', (protocolVersion) => {
  const start = (options: MqttTestBrokerOptions = {}) =>
    MqttTestBroker.start({ aedes: createAedes(protocolVersion), ...options });
  let broker: MqttTestBroker;
  let device: Device;
  let logs: CapturedLogs;

  beforeEach(async () => {
    logs = captureLogs();
    broker = await start();
    device = await connectDevice(broker.url, { protocolVersion, clientId: 'meter-7' });
  });
  afterEach(async () => {
    await device[Symbol.asyncDispose]();
    await broker.close();
    logs[Symbol.dispose]();
  });

  it('lists what clients publish, in order', async () => {
    const properties = { contentType: 'text/plain', userProperties: { tenant: 'acme' } };
    await device.publish('a', '{"kwh":3}', { qos: 1, retain: true });
    await device.publish('b', '42', { qos: 2, ...(protocolVersion === 5 && { properties }) });
    expect(broker.published).toEqual([
      {
        topic: 'a',
        payload: Buffer.from('{"kwh":3}'),
        data: { kwh: 3 },
        qos: 1,
        retain: true,
        clientId: 'meter-7',
        properties: {},
      },
      {
        topic: 'b',
        payload: Buffer.from('42'),
        data: protocolVersion === 5 ? '42' : 42,
        qos: 2,
        retain: false,
        clientId: 'meter-7',
        properties: protocolVersion === 5 ? properties : {},
      },
    ]);
  });

  it('lists a Will', async () => {
    const will = { topic: 'gone', payload: Buffer.from('x'), qos: 0 as const, retain: false };
    await using other = await connectDevice(broker.url, { protocolVersion, will, clientId: 'other' });
    other.client.stream.destroy();
    expect(await broker.waitFor('gone')).toMatchObject({ data: 'x', clientId: 'other' });
  });

  describe('waitFor', () => {
    it('returns what was published before, and what is published after', async () => {
      await device.publish('a/1', 'x', { qos: 1 });
      expect(await broker.waitFor('a/+')).toMatchObject({ topic: 'a/1' });
      const next = broker.waitFor('a/{id}');
      await device.publish('a/2', 'x');
      expect(await next).toMatchObject({ topic: 'a/2' });
    });

    it('returns each message once, whatever the order in which topics are waited for', async () => {
      for (const topic of ['a', 'b', 'a']) await device.publish(topic, topic, { qos: 1 });
      const [all, , second] = broker.published;
      expect(await broker.waitFor('b')).toBe(broker.published[1]);
      expect(await broker.waitFor('a')).toBe(all);
      expect(await broker.waitFor('#')).toBe(second);
    });

    it('gives one message to one of those that wait', async () => {
      const both = Promise.all([broker.waitFor('a'), broker.waitFor('a')]);
      await device.publish('a', '1');
      await device.publish('a', '2');
      expect((await both).map(({ data }) => data)).toEqual([1, 2]);
    });

    it('asks the predicate', async () => {
      const high = broker.waitFor<{ kwh: number }>('a', ({ data }) => data.kwh > 2);
      await device.publish('a', '{"kwh":1}');
      await device.publish('a', '{"kwh":3}');
      expect(await high).toMatchObject({ data: { kwh: 3 } });
    });

    it('rejects with what the predicate throws, now or later', async () => {
      const failing = () =>
        broker.waitFor('a', () => {
          throw new Error('no kwh');
        });
      const [later] = await Promise.allSettled([failing(), device.publish('a', 'x', { qos: 1 })]);
      expect(later).toMatchObject({ status: 'rejected', reason: { message: 'no kwh' } });
      await expect(failing()).rejects.toThrow('no kwh');
      await expect(broker.waitFor('a')).resolves.toMatchObject({ data: 'x' });
    });

    it('tells after its time what was published instead, and where it was called', async () => {
      await device.publish('a', 'x'.repeat(200), { retain: true, qos: 1 });
      await device.publish('b', '1', { qos: 1 });
      await device.publish('b', '2', { qos: 1 });
      await broker.waitFor('b');
      const waiting = broker.waitFor('b', () => false, { timeoutMs: 10 });
      const error = await waiting.catch((reason: unknown) => reason as Error);
      expect(error).toBeInstanceOf(Error);
      const { message, stack } = error as Error;
      expect(message.split('\n')).toEqual([
        'Nothing was published to "b" within 10 ms. What came:',
        `  "a" ${'x'.repeat(80)}… (QoS 1, retained, from meter-7)`,
        '  "b" 1 (QoS 1, from meter-7) (waited for before)',
        '  "b" 2 (QoS 1, from meter-7) (not accepted by the predicate)',
      ]);
      expect(stack).toContain('test-broker.test');
    });

    it('lists the last messages only', async () => {
      for (let number = 1; number <= 23; number++) await device.publish(`n/${number}`, '', { qos: 1 });
      const waiting = broker.waitFor('x', undefined, { timeoutMs: 1 });
      await expect(waiting).rejects.toThrow(/What came:\n {2}\(3 more\)\n {2}"n\/4" /);
    });

    it('says so when nothing was published at all', async () => {
      await expect(broker.waitFor('a', undefined, { timeoutMs: 1 })).rejects.toThrow('Nothing came at all.');
    });

    it('rejects when the broker is closed', async () => {
      const waiting = broker.waitFor('a');
      void waiting.catch(() => undefined);
      await broker.close();
      await expect(waiting).rejects.toThrow('The broker was closed');
    });
  });

  describe('publish', () => {
    it.each([
      ['a string', 'text', 'text'],
      ['an object', { kwh: 3 }, '{"kwh":3}'],
      ['bytes', Uint8Array.of(0, 255), '\0ÿ'],
      ['nothing', undefined, ''],
    ])('sends %s as a device would', async (_, data, payload) => {
      await device.subscribe('a');
      await broker.publish('a', data);
      const { packet, ...received } = await device.next('a');
      expect(received.payload.toString('latin1')).toBe(payload);
      expect(packet).toMatchObject({ qos: 0, retain: false });
    });

    it('takes QoS, RETAIN and properties', async () => {
      const properties = { userProperties: { tenant: 'acme' } };
      await broker.publish('a', 'x', { qos: 1, retain: true, properties });
      await device.subscribe('a', { qos: 2 });
      const { packet } = await device.next('a');
      expect(packet).toMatchObject({ qos: 1, retain: true, ...(protocolVersion === 5 && { properties }) });
    });

    it('is not among what clients published', async () => {
      await broker.publish('a', 'x');
      expect(broker.published).toEqual([]);
    });

    it('refuses wildcards, and what has no form in JSON', async () => {
      await expect(broker.publish('a/+', 'x')).rejects.toThrow('"a/+": a Topic Name has no wildcards');
      await expect(broker.publish('a', 1n)).rejects.toThrow('cannot be written as JSON');
    });
  });

  describe('refuse', () => {
    it('refuses subscriptions within the filter until it is ended', async () => {
      const accept = broker.refuse('a/#');
      await expect(device.subscribe('a/+/c')).rejects.toThrow('Subscribe error');
      await device.subscribe('b');
      await device.subscribe('+/b'); // not within it
      accept();
      await device.subscribe('a/+/c');
    });

    it('refuses messages until it is ended', async () => {
      await device.subscribe('#');
      const accept = broker.refuse('a/{id}');
      await using other = await connectDevice(broker.url, { protocolVersion });
      other.client.publish('a/1', 'x');
      // MQTT 3.1.1 has no other way to refuse
      await (protocolVersion === 4 ? other.closed : fence(other));
      expect(broker.published).toMatchObject([{ topic: 'a/1' }, ...(protocolVersion === 5 ? [{}] : [])]);
      accept();
      await using third = await connectDevice(broker.url, { protocolVersion });
      await third.publish('a/2', 'x', { qos: 1 });
      await device.next('a/2');
      expect(device.received.map(({ topic }) => topic)).toEqual(['a/2']);
    });

    it('ends one of two refusals of the same filter', async () => {
      const [accept] = [broker.refuse('a'), broker.refuse('a')];
      accept?.();
      await expect(device.subscribe('a')).rejects.toThrow('Subscribe error');
    });

    it('makes what a client emits with QoS 1 fail', async () => {
      await using client = await startClient(broker.url, { protocolVersion, reconnectPeriod: 20 });
      broker.refuse('a');
      const emitting = lastValueFrom(client.emit('a', new MqttRecord('x', { qos: 1 })));
      await expect(emitting).rejects.toBeInstanceOf(PublishError);
    });
  });

  it('refuses a Shared Subscription, which Aedes has not', async () => {
    await expect(device.subscribe('$share/g/a')).rejects.toThrow('Subscribe error');
  });

  it('closes every connection and goes on', async () => {
    const handled: unknown[] = [];
    const events = { a: (data: unknown) => handled.push(data) };
    await using server = await startServer({ url: broker.url, protocolVersion }, { events });
    const subscribed = new Promise<void>((resolve) => {
      server.on('packetreceive', ({ cmd }: { cmd: string }) => void (cmd === 'suback' && resolve()));
    });
    broker.disconnectAll();
    await device.closed;
    await subscribed;
    await broker.publish('a', 1);
    await fence(broker.url);
    expect(handled).toEqual([1]);
  });

  it('frees its port at the end, which another broker may take', async () => {
    await broker.close();
    await broker[Symbol.asyncDispose]();
    await expect(answersConnect(broker.port)).resolves.toBe(false);
    await using again = await start({ port: broker.port });
    expect([again.url, await answersConnect(broker.port)]).toEqual([broker.url, true]);
  });

  it('does not start on a port that is taken', async () => {
    await expect(start({ port: broker.port })).rejects.toThrow('EADDRINUSE');
  });
});
