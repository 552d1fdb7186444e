import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { MqttClient } from 'mqtt';
import { firstValueFrom, lastValueFrom, NEVER, type Observable } from 'rxjs';
import {
  ClientMqtt,
  ConfigurationError,
  ConnectionError,
  MqttMessagePattern,
  MqttRecord,
  MqttStatus,
  PublishError,
  SubscriptionError,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { freePort } from '../support/free-port.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

@Controller()
class AnswersController {
  @MqttMessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MqttMessagePattern('never')
  never(): Observable<never> {
    return NEVER;
  }
}

const failureOf = (values: Observable<unknown>) =>
  lastValueFrom(values, { defaultValue: undefined }).then(
    () => undefined,
    (error: unknown) => error as Error,
  );

describeOnBrokers('a client', ({ protocolVersion, start }) => {
  it('tells its status, and gives out its MQTT.js client and the events of it', async () => {
    await using broker = await start();
    using _logs = captureLogs();
    const client = new ClientMqtt({ url: broker.url, protocolVersion });
    const statuses: MqttStatus[] = [];
    const events: string[] = [];
    client.status.subscribe((status) => statuses.push(status));
    client.on('connect', () => events.push('connect'));
    expect(() => client.unwrap()).toThrow('Not initialized');
    await Promise.all([client.connect(), client.connect()]);
    expect(client.unwrap()).toBeInstanceOf(MqttClient);
    await Promise.all([client.close(), client.close()]);
    expect(statuses).toEqual([MqttStatus.CONNECTED, MqttStatus.CLOSED]);
    expect(events).toEqual(['connect']);
  });

  it('connects by itself, and again after close()', async () => {
    await using broker = await start();
    using _logs = captureLogs();
    const client = new ClientMqtt({ url: broker.url, protocolVersion });
    await using device = await connectDevice(broker.url);
    await device.subscribe('a');
    expect(await firstValueFrom(client.emit('a', 1))).toBeUndefined();
    await client.close();
    await lastValueFrom(client.emit('a', 2), { defaultValue: undefined });
    await client.close();
    await until(() => device.received.length === 2);
  });

  it('publishes though nobody subscribes to emit()', async () => {
    await using broker = await start();
    await using client = await startClient(broker.url, { protocolVersion });
    await using device = await connectDevice(broker.url);
    await device.subscribe('a');
    client.emit('a', 1);
    expect((await device.next('a')).payload.toString()).toBe('1');
  });

  it('publishes in the order of emit() what had to wait for the connection, and what comes after', async () => {
    await using broker = await start();
    using _logs = captureLogs();
    await using device = await connectDevice(broker.url);
    await device.subscribe('a');
    const client = new ClientMqtt({ url: broker.url, protocolVersion });
    const connected = client.connect();
    client.emit('a', 1);
    await connected;
    client.emit('a', 2);
    await until(() => device.received.length === 2);
    expect(device.received.map(({ payload }) => payload.toString())).toEqual(['1', '2']);
    await client.close();
  });

  it('publishes what the data is when emit() is called', async () => {
    await using broker = await start();
    await using client = await startClient(broker.url, { protocolVersion });
    await using device = await connectDevice(broker.url);
    await device.subscribe('a');
    const data = { reading: 1 };
    client.emit('a', data);
    data.reading = 2;
    expect((await device.next('a')).payload.toString()).toBe('{"reading":1}');
  });

  it('fails requests that wait when it is closed', async () => {
    await using broker = await start();
    await using _app = await startApp({
      controllers: [AnswersController],
      server: { url: broker.url, protocolVersion, drainTimeoutMs: 50 },
    });
    await using client = await startClient(broker.url, { protocolVersion });
    expect(await lastValueFrom(client.send('echo', 1))).toBe(1);
    const failure = failureOf(client.send('never', 1));
    await lastValueFrom(client.send('echo', 1));
    await client.close();
    expect(await failure).toBeInstanceOf(ConnectionError);
  });

  // On MQTT 3.1.1 mosquitto acknowledges and drops what it refuses, and Aedes closes the connection.
  (protocolVersion === 5 ? it : it.skip)('fails with the Reason Code of a refused message', async () => {
    await using broker = await start({ denied: true });
    await using client = await startClient(broker.url, { protocolVersion });
    const failure = await failureOf(client.emit('denied/a', new MqttRecord(1, { qos: 1 })));
    expect(failure).toBeInstanceOf(PublishError);
    expect(failure).toMatchObject({
      topic: 'denied/a',
      reasonCode: 0x87,
      message: 'The broker refused the message to "denied/a" (0x87 Not authorized)',
    });
    expect(await failureOf(client.send('denied/a', new MqttRecord(1, { qos: 1 })))).toMatchObject({
      reasonCode: 0x87,
    });
  });

  it('fails a request whose reply topic the broker refuses, and later ones too', async () => {
    await using broker = await start({ denied: true });
    await using client = await startClient(broker.url, { protocolVersion, replyTopic: 'denied/replies' });
    for (let round = 0; round < 2; round++) {
      const failure = await failureOf(client.send('echo', 1));
      expect(failure).toBeInstanceOf(SubscriptionError);
      expect(failure?.message).toContain('The broker refused the subscription to "denied/replies" (0x8');
    }
  });
});

describe('a client whose connection is lost', () => {
  it.each([4, 5] as const)('is answered again, on the same reply topic (version %d)', async (version) => {
    await using broker = await startAedes({ version });
    const options = { protocolVersion: version, reconnectPeriod: 20 } as const;
    await using app = await startApp({
      controllers: [AnswersController],
      server: { url: broker.url, ...options },
    });
    await using client = await startClient(broker.url, options);
    expect(await lastValueFrom(client.send('echo', 1))).toBe(1);
    const connected = new Promise((resolve) => app.server.on('connect', resolve));
    broker.disconnectAll();
    await connected;
    await until(() => broker.subscribed().filter(({ topic }) => topic === 'echo').length === 2);
    expect(await lastValueFrom(client.send('echo', 2))).toBe(2);
    const { clientId } = client.unwrap().options;
    expect(broker.subscribed().filter(({ topic }) => topic === `clients/${clientId}/replies`)).toHaveLength(
      2,
    );
  });

  it.each([4, 5] as const)(
    'sends a request made meanwhile when it is subscribed again (version %d)',
    async (version) => {
      await using broker = await startAedes({ version });
      const client = await startClient(broker.url, { protocolVersion: version, reconnectPeriod: 20 });
      const first = client.send('questions', 1).subscribe({ error: () => undefined });
      await until(() => broker.published().some(({ topic }) => topic === 'questions'));
      first.unsubscribe();
      const { clientId } = client.unwrap().options;
      const lost = new Promise((resolve) => client.on('close', () => resolve(undefined)));
      broker.disconnectAll();
      await lost;
      const second = client.send('questions', 2).subscribe({ error: () => undefined });
      await until(() => broker.published().filter(({ topic }) => topic === 'questions').length === 2);
      expect(broker.subscribed().filter(({ topic }) => topic === `clients/${clientId}/replies`)).toHaveLength(
        2,
      );
      second.unsubscribe();
      await client.close();
    },
  );
});

describe('a client whose broker is not there', () => {
  it('fails at once, and connects with the next message when it is back', async () => {
    const port = await freePort();
    const url = `mqtt://127.0.0.1:${port}`;
    using _logs = captureLogs();
    const client = new ClientMqtt({ url });
    await expect(client.connect()).rejects.toThrow(
      `Cannot connect to ${url} (connect ECONNREFUSED 127.0.0.1:${port})`,
    );
    expect(await failureOf(client.emit('a', 1))).toBeInstanceOf(ConnectionError);
    expect(await failureOf(client.send('a', 1))).toBeInstanceOf(ConnectionError);
    await using _broker = await startAedes({ version: 4, port });
    expect(await failureOf(client.emit('a', 1))).toBeUndefined();
    await client.close();
  });

  it('may be closed while it connects', async () => {
    using _logs = captureLogs();
    const client = new ClientMqtt({ url: `mqtt://127.0.0.1:${await freePort()}`, maxConnectionAttempts: -1 });
    const connecting = client.connect().catch((error: unknown) => error);
    await client.close();
    expect(await connecting).toBeInstanceOf(ConnectionError);
  });
});

describe('a mistake in the options of a client', () => {
  it.each([
    [{ url: 'broker:1883' }, '"broker:1883" is no address of a broker'],
    [{ replyTopic: 'replies/#' }, 'The replyTopic "replies/#" is invalid: a Topic Name has no wildcards'],
    [{ clean: false }, 'needs a clientId'],
  ])('shows at construction: %j', (options, message) => {
    expect(() => new ClientMqtt(options)).toThrow(ConfigurationError);
    expect(() => new ClientMqtt(options)).toThrow(message);
  });
});
