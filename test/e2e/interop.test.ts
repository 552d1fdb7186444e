import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientMqtt as NestClientMqtt,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { lastValueFrom, of, toArray, type Observable } from 'rxjs';
import { MqttMessagePattern } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { fence } from '../support/fence.js';
import { findExecutable } from '../support/find-executable.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const events: unknown[] = [];

@Controller()
class PeerController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, number) => sum + number, 0);
  }

  @MessagePattern('count')
  count(): Observable<number> {
    return of(1, 2, 3);
  }

  @MessagePattern('fail')
  fail(): never {
    throw new RpcException({ reason: 'too hot' });
  }

  @MessagePattern({ cmd: 'object' })
  object(@Payload() data: unknown): unknown {
    return data;
  }

  @EventPattern('event')
  event(@Payload() data: unknown): void {
    events.push(data);
  }

  @MqttMessagePattern('shout')
  shout(@Payload() text: string): string {
    return text.toUpperCase();
  }
}

@Module({ controllers: [PeerController] })
class PeerModule {}

beforeEach(() => {
  events.length = 0;
});

describeOnBrokers("Nest's built-in transporter", ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  const startBuiltInClient = () => {
    const client = new NestClientMqtt({ url: broker.url, protocolVersion });
    return Object.assign(client, { [Symbol.asyncDispose]: async () => client.close() });
  };

  it('as a client is answered by our server', async () => {
    await using _app = await startApp({
      controllers: [PeerController],
      server: { url: broker.url, protocolVersion },
    });
    await using client = startBuiltInClient();
    // The built-in client subscribes and unsubscribes around each request: on Aedes sequential ones get lost.
    expect(await lastValueFrom(client.send('sum', [1, 2]))).toBe(3);
    expect(await lastValueFrom(client.send('count', 'go').pipe(toArray()))).toEqual([1, 2, 3]);
    expect(await lastValueFrom(client.send({ cmd: 'object' }, { a: 1 }))).toEqual({ a: 1 });
    await expect(lastValueFrom(client.send('fail', 'go'))).rejects.toEqual({ reason: 'too hot' });
  });

  it('as a client has its events unwrapped', async () => {
    await using _app = await startApp({
      controllers: [PeerController],
      server: { url: broker.url, protocolVersion },
    });
    await using client = startBuiltInClient();
    await lastValueFrom(client.emit('event', { data: 1, pattern: 'x' }), { defaultValue: undefined });
    await until(() => events.length > 0);
    expect(events).toEqual([{ data: 1, pattern: 'x' }]);
  });

  it('as a server answers our client with wireFormat "nest"', async () => {
    using _logs = captureLogs();
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(PeerModule, {
      transport: Transport.MQTT,
      options: { url: broker.url, protocolVersion },
      logger: _logs,
    });
    await app.listen();
    await fence(broker.url); // the built-in server does not wait for its SUBACKs
    await using client = await startClient(broker.url, { protocolVersion, wireFormat: 'nest' });
    expect(await lastValueFrom(client.send('sum', [1, 2]))).toBe(3);
    expect(await lastValueFrom(client.send('sum', [3, 4]))).toBe(7);
    expect(await lastValueFrom(client.send('count', 'go').pipe(toArray()))).toEqual([1, 2, 3]);
    expect(await lastValueFrom(client.send({ cmd: 'object' }, { a: 1 }))).toEqual({ a: 1 });
    await expect(lastValueFrom(client.send('fail', 'go'))).rejects.toMatchObject({
      error: { reason: 'too hot' },
    });
    await lastValueFrom(client.emit('event', { data: 1 }), { defaultValue: undefined });
    await until(() => events.length > 0);
    expect(events).toEqual([{ data: 1 }]);
    await app.close();
  });
});

describeOnBrokers(
  'any MQTT 5 peer',
  ({ protocolVersion, start }) => {
    let broker: Broker;

    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker[Symbol.asyncDispose]());

    it('gets an answer to a request with Response Topic and Correlation Data', async () => {
      await using _app = await startApp({
        controllers: [PeerController],
        server: { url: broker.url, protocolVersion },
      });
      await using requester = await connectDevice(broker.url, { protocolVersion });
      await requester.subscribe('answers/7');
      const correlationData = Buffer.from([0, 255, 1]);
      await requester.publish('shout', 'hello', {
        properties: { responseTopic: 'answers/7', correlationData },
      });
      const { payload, packet } = await requester.next('answers/7');
      expect(payload.toString()).toBe('HELLO');
      expect(packet.properties).toMatchObject({ correlationData, contentType: 'text/plain' });
    });

    it('gets an answer without Correlation Data too', async () => {
      await using _app = await startApp({
        controllers: [PeerController],
        server: { url: broker.url, protocolVersion },
      });
      await using requester = await connectDevice(broker.url, { protocolVersion });
      await requester.subscribe('answers/8');
      await requester.publish('shout', 'hello', { properties: { responseTopic: 'answers/8' } });
      const { packet } = await requester.next('answers/8');
      expect(packet.properties?.correlationData).toBeUndefined();
    });

    it('answers a request by echoing the Correlation Data', async () => {
      await using responder = await connectDevice(broker.url, { protocolVersion });
      await responder.subscribe('reverse');
      responder.client.on('message', (topic, payload, { properties }) => {
        if (topic !== 'reverse') return;
        const { responseTopic, correlationData } = properties!;
        responder.client.publish(responseTopic!, payload.toString().split('').toReversed().join(''), {
          properties: { correlationData: correlationData! },
        });
      });
      await using client = await startClient(broker.url, { protocolVersion });
      expect(await lastValueFrom(client.send('reverse', 'abc').pipe(toArray()))).toEqual(['cba']);
    });

    it('ends a request with an empty reply, whose value is undefined', async () => {
      await using responder = await connectDevice(broker.url, { protocolVersion });
      await responder.subscribe('silent');
      responder.client.on('message', (topic, _payload, { properties }) => {
        if (topic !== 'silent') return;
        const { responseTopic, correlationData } = properties!;
        responder.client.publish(responseTopic!, '', { properties: { correlationData: correlationData! } });
      });
      await using client = await startClient(broker.url, { protocolVersion });
      expect(await lastValueFrom(client.send('silent', 'abc').pipe(toArray()))).toEqual([undefined]);
    });
  },
  { only: ({ protocolVersion }) => protocolVersion === 5 },
);

describeOnBrokers(
  'mosquitto_rr',
  ({ protocolVersion, start }) => {
    it('gets an answer from a message handler', async () => {
      await using broker = await start();
      await using _app = await startApp({
        controllers: [PeerController],
        server: { url: broker.url, protocolVersion },
      });
      const args = [
        '-V',
        '5',
        '-p',
        String(broker.port),
        '-t',
        'sum',
        '-e',
        'answers/rr',
        '-m',
        '[4,5]',
        '-W',
        '5',
      ];
      const { stdout } = await promisify(execFile)(findExecutable('mosquitto_rr') ?? 'mosquitto_rr', args);
      expect(stdout.trim()).toBe('9');
    });
  },
  { only: (target) => target.kind === 'mosquitto' && target.protocolVersion === 5 },
);
