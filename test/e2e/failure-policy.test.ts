import { Controller } from '@nestjs/common';
import { Ctx, Payload, RpcException } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import {
  FatalError,
  jsonCodec,
  MqttContext,
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  readDeadLetter,
  replayOf,
  RetriableError,
  type DeadLetter,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice, type Device } from '../support/device.js';
import { packetsOf } from '../support/packets.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

interface Run {
  readonly handler: string;
  readonly attempt: number;
  readonly atMs: number;
}

const runs: Run[] = [];
const letters: DeadLetter[] = [];
const replays: ReturnType<typeof replayOf>[] = [];
const retry = { attempts: 3, delayMs: 40, factor: 3, jitter: 0 };

function ran(handler: string, { attempt }: MqttContext): void {
  runs.push({ handler, attempt, atMs: performance.now() });
}

@Controller()
class PoisonController {
  @MqttEventPattern('poison/retried', { qos: 1, retry, deadLetter: 'graves/poison' })
  retried(@Ctx() context: MqttContext): never {
    ran('retried', context);
    throw new RpcException('too hot');
  }

  @MqttEventPattern('poison/cured', { qos: 1, retry })
  cured(@Ctx() context: MqttContext): void {
    ran('cured', context);
    if (context.attempt < 2) throw new Error('not yet');
  }

  @MqttEventPattern('poison/fatal', { qos: 1, retry, deadLetter: 'graves/poison' })
  fatal(@Ctx() context: MqttContext): never {
    ran('fatal', context);
    throw new FatalError('never');
  }

  @MqttEventPattern('poison/retriable', { qos: 1 })
  retriable(@Ctx() context: MqttContext): void {
    ran('retriable', context);
    if (context.attempt < 3) throw new RetriableError('later', { delayMs: 5 });
  }

  @MqttEventPattern('poison/unreadable', { qos: 1, retry, codec: jsonCodec, deadLetter: 'graves/poison' })
  unreadable(@Ctx() context: MqttContext): void {
    ran('unreadable', context);
  }

  @MqttEventPattern('poison/buried-in-vain', { qos: 1, deadLetter: 'denied/graves' })
  buriedInVain(@Ctx() context: MqttContext): never {
    ran('buriedInVain', context);
    throw new RpcException('too hot');
  }

  @MqttEventPattern('poison/rejected', { qos: 1 })
  rejected(): never {
    throw new RpcException('too hot');
  }

  @MqttEventPattern('poison/acknowledged', { qos: 1, onFailure: 'acknowledge' })
  acknowledged(): never {
    throw new RpcException('too hot');
  }

  @MqttEventPattern('poison/withheld', { qos: 1, onFailure: 'withhold' })
  withheld(@Ctx() context: MqttContext): never {
    ran('withheld', context);
    throw new RpcException('too hot');
  }

  @MqttMessagePattern('poison/request', { qos: 1, retry })
  request(@Ctx() context: MqttContext): never {
    ran('request', context);
    throw new RpcException('refused');
  }

  @MqttEventPattern('graves/+', { qos: 1 })
  bury(@Ctx() context: MqttContext): void {
    letters.push(readDeadLetter(context));
    replays.push(replayOf(context));
  }

  @MqttEventPattern('circle', { qos: 1, deadLetter: 'circle' })
  circle(@Ctx() context: MqttContext): never {
    ran('circle', context);
    throw new RpcException('again');
  }

  @MqttEventPattern('good', { qos: 1 })
  good(@Payload() data: unknown): void {
    runs.push({ handler: `good ${String(data)}`, attempt: 1, atMs: 0 });
  }
}

describeOnBrokers('a handler that fails', ({ protocolVersion, start, kind }) => {
  let broker: Broker;
  let proxy: TcpProxy;
  let app: App;
  let device: Device;

  beforeEach(async () => {
    runs.length = 0;
    letters.length = 0;
    replays.length = 0;
    broker = await start({ denied: true });
    proxy = await startTcpProxy(broker);
    app = await startApp({
      controllers: [PoisonController],
      server: {
        url: proxy.url,
        protocolVersion,
        clientId: 'service',
        clean: false,
        reconnectPeriod: 20,
        ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
      },
    });
    device = await connectDevice(broker.url, { protocolVersion });
  });
  afterEach(async () => {
    await device[Symbol.asyncDispose]();
    await app[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  const acknowledgements = () =>
    packetsOf(proxy, protocolVersion).filter(
      ({ cmd, direction }) => cmd === 'puback' && direction === 'toBroker',
    );
  const attemptsOf = (handler: string) =>
    runs.filter((run) => run.handler === handler).map(({ attempt }) => attempt);

  it('is run again after growing delays, and then has a dead letter', async () => {
    const properties = { contentType: 'application/octet-stream', userProperties: { tenant: 'acme' } };
    await device.publish('poison/retried', Buffer.from([0xff, 0x01]), { qos: 1, properties });
    await until(() => letters.length === 1);
    const [first, second, third] = runs;
    expect(attemptsOf('retried')).toEqual([1, 2, 3]);
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(39);
    expect(third!.atMs - second!.atMs).toBeGreaterThanOrEqual(119);
    expect(letters).toEqual([
      {
        topic: 'poison/retried',
        payload: Buffer.from([0xff, 0x01]),
        error: 'too hot',
        attempts: 3,
        handler: 'PoisonController.retried',
        time: expect.any(Date),
      },
    ]);
    expect(Math.abs(letters[0]!.time.getTime() - Date.now())).toBeLessThan(60_000);
    await until(() => acknowledgements().length === 2); // of the poison and of its dead letter
    expect(app.logs.errors()).toEqual([
      'PoisonController.retried failed on "poison/retried": too hot; its dead letter is on "graves/poison"',
    ]);
  });

  it('leaves the Content Type and the User Properties of a dead letter on MQTT 5, and is JSON on 3.1.1', async () => {
    await device.subscribe('graves/#');
    const properties = { contentType: 'text/plain', userProperties: { tenant: 'acme' } };
    await device.publish('poison/fatal', 'ouch', { qos: 1, properties });
    const { payload, packet } = await device.next('graves/poison');
    const letter = { payload: payload.toString(), properties: packet.properties };
    const content = '"payload":"ouch","encoding":"utf8"';
    expect(letter).toMatchObject(
      protocolVersion === 5
        ? {
            payload: 'ouch',
            properties: {
              contentType: 'text/plain',
              userProperties: {
                tenant: 'acme',
                'dead-letter-topic': 'poison/fatal',
                'dead-letter-attempts': '1',
              },
            },
          }
        : { payload: expect.stringMatching(`"topic":"poison/fatal".*${content}`) },
    );
  });

  it('has a dead letter from which its message can be published again as it was', async () => {
    const properties = { contentType: 'application/json', userProperties: { tenant: 'acme' } };
    await device.publish('poison/fatal', '{"kwh":3}', { qos: 1, properties });
    await until(() => replays.length === 1);
    await device.subscribe('again/#');
    await using client = await startClient(broker.url, { protocolVersion });
    const [topic, record] = replays[0]!;
    await lastValueFrom(client.emit(`again/${topic}`, record), { defaultValue: undefined });
    const { payload, packet } = await device.next('again/poison/fatal');
    expect([payload.toString(), packet.qos]).toEqual(['{"kwh":3}', 1]);
    expect(packet.properties).toEqual(
      protocolVersion === 5 ? expect.objectContaining(properties) : undefined,
    );
  });

  it('on the topic of its dead letters has none, and does not go in circles', async () => {
    await device.publish('circle', '1', { qos: 1 });
    await until(() => acknowledgements().length === 1);
    expect(attemptsOf('circle')).toEqual([1]);
  });

  it('is acknowledged once a later run succeeds, and not before', async () => {
    await device.publish('poison/cured', '1', { qos: 1 });
    await until(() => attemptsOf('cured').length === 2);
    await until(() => acknowledgements().length === 1);
    expect(attemptsOf('cured')).toEqual([1, 2]);
  });

  it('decides itself with a FatalError or a RetriableError', async () => {
    await device.publish('poison/fatal', '1', { qos: 1 });
    await device.publish('poison/retriable', '1', { qos: 1 });
    await until(() => attemptsOf('retriable').length === 3);
    expect(attemptsOf('fatal')).toEqual([1]);
    await until(() => letters.length === 1);
    expect(letters[0]).toMatchObject({ error: 'never', attempts: 1 });
  });

  it('is not run for what does not decode, which has a dead letter at once', async () => {
    await device.publish('poison/unreadable', '{"a":', { qos: 1 });
    await until(() => letters.length === 1);
    expect(letters[0]).toMatchObject({
      topic: 'poison/unreadable',
      payload: Buffer.from('{"a":'),
      attempts: 1,
    });
    expect(letters[0]!.error).toContain('not JSON');
    expect(runs).toEqual([]);
  });

  // Elsewhere a refused publish is acknowledged all the same, or closes the connection, as in mosquitto 2.0.11 when it
  // has User Properties.
  (protocolVersion === 5 && kind === 'aedes' ? it : it.skip)(
    'stays unacknowledged if the broker refuses its dead letter',
    async () => {
      await device.publish('poison/buried-in-vain', '1', { qos: 1 });
      await device.publish('good', '2', { qos: 1 });
      await until(() => acknowledgements().length === 1);
      await until(() => app.logs.errors().length === 1);
      expect(app.logs.errors()[0]).toContain(
        'it stays unacknowledged, for its dead letter failed: The broker refused',
      );
      proxy.cut();
      await until(() => attemptsOf('buriedInVain').length === 2);
    },
  );

  it.each([
    ['rejected', 0x80],
    ['acknowledged', 0],
  ] as const)('is %s if its policy says so', async (name, reasonCode) => {
    await device.publish(`poison/${name}`, '1', { qos: 1 });
    await until(() => acknowledgements().length === 1);
    const { reasonCode: code = 0 } = acknowledgements()[0] as { reasonCode?: number };
    expect(code).toBe(protocolVersion === 5 ? reasonCode : 0);
  });

  it('is withheld if its policy says so, and comes again on the next connection', async () => {
    await device.publish('poison/withheld', '1', { qos: 1 });
    await device.publish('good', '2', { qos: 1 });
    await until(() => acknowledgements().length === 1);
    expect(attemptsOf('withheld')).toEqual([1]);
    proxy.cut();
    await until(() => attemptsOf('withheld').length === 2);
  });

  it('answers a request with its failure, at once', async () => {
    await using client = await startClient(broker.url, { protocolVersion });
    await expect(lastValueFrom(client.send('poison/request', new MqttRecord(1, { qos: 1 })))).rejects.toThrow(
      'refused',
    );
    expect(attemptsOf('request')).toEqual([1]);
    await until(() => acknowledgements().length === 1);
  });
});
