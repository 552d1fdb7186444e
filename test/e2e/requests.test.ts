import {
  Controller,
  Injectable,
  Scope,
  UseFilters,
  type ArgumentsHost,
  type RpcExceptionFilter,
} from '@nestjs/common';
import { Ctx, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import {
  EMPTY,
  firstValueFrom,
  interval,
  lastValueFrom,
  map,
  of,
  take,
  throwError,
  toArray,
  Observable,
} from 'rxjs';
import {
  MqttContext,
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  RemoteError,
  TopicParam,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const events: unknown[] = [];

class TeapotFilter implements RpcExceptionFilter {
  catch(_exception: unknown, _host: ArgumentsHost): Observable<never> {
    return throwError(() => ({ teapot: true }));
  }
}

@Controller()
class SumController {
  @MqttMessagePattern('math/sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, number) => sum + number, 0);
  }

  @MessagePattern({ cmd: 'later' })
  async later(@Payload() value: unknown): Promise<unknown> {
    return Promise.resolve({ value });
  }

  @MqttMessagePattern('count/{to}')
  count(@TopicParam('to') to: string): Observable<number> {
    return interval(1).pipe(
      take(Number(to)),
      map((index) => index + 1),
    );
  }

  @MqttMessagePattern('at-once')
  atOnce(): Observable<number> {
    return of(1, 2, 3);
  }

  @MqttMessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MqttMessagePattern('nothing')
  nothing(): void {}

  @MqttMessagePattern('empty')
  empty(): Observable<never> {
    return EMPTY;
  }

  @MqttMessagePattern('record')
  record(@Ctx() { topic }: MqttContext): MqttRecord<string> {
    return new MqttRecord(topic, { qos: 1 });
  }

  @MqttMessagePattern('fail/known')
  failKnown(): never {
    throw new RpcException({ reason: 'too hot', limit: 90 });
  }

  @MqttMessagePattern('fail/text')
  failText(): never {
    throw new RpcException('too hot');
  }

  @MqttMessagePattern('fail/unknown')
  failUnknown(): never {
    throw new Error('secret of the implementation');
  }

  @UseFilters(TeapotFilter)
  @MqttMessagePattern('fail/filtered')
  failFiltered(): never {
    throw new Error('secret of the implementation');
  }

  @MqttMessagePattern('fail/stream')
  failStream(): Observable<number> {
    return new Observable<number>((observer) => {
      observer.next(1);
      observer.error(new RpcException('broke off'));
    });
  }

  @MqttMessagePattern('fail/cycle')
  failCycle(): unknown {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    return cycle;
  }

  @MqttMessagePattern('specific/+')
  general(): string {
    return 'general';
  }

  @MqttMessagePattern('specific/one')
  specific(): string {
    return 'specific';
  }

  @MqttEventPattern('math/#')
  seen(@Payload() data: unknown): void {
    events.push(data);
  }
}

@Injectable({ scope: Scope.REQUEST })
class Counter {
  count = 0;
}

@Controller({ path: '', scope: Scope.REQUEST })
class ScopedController {
  constructor(private readonly counter: Counter) {}

  @MqttMessagePattern('scoped')
  scoped(): number {
    return ++this.counter.count;
  }
}

describeOnBrokers('requests', ({ protocolVersion, start, kind }) => {
  let broker: Broker;
  let app: App;
  const onMqtt5Beta = kind === 'aedes' && protocolVersion === 5;

  beforeAll(async () => {
    broker = await start();
    const server = { url: broker.url, protocolVersion, qos: 1 } as const;
    app = await startApp({ controllers: [SumController, ScopedController], providers: [Counter], server });
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    events.length = 0;
  });

  const connect = () => startClient(broker.url, { protocolVersion });

  it.each<[string, unknown, unknown, unknown]>([
    ['a plain result', 'at-once', 'go', 3],
    ['a Promise', { cmd: 'later' }, 7, { value: 7 }],
    ['an object', 'echo', { a: [1, { b: null }] }, { a: [1, { b: null }] }],
    ['a falsy number', 'echo', 0, 0],
    ['false', 'echo', false, false],
    ['an empty text', 'echo', '', ''],
    ['text that looks like JSON', 'echo', '42', '42'],
    ['a record as a request', 'echo', new MqttRecord({ a: 1 }, { qos: 1 }), { a: 1 }],
    ['a record as a result', 'record', 'x', 'record'],
  ])('answers with %s', async (_, pattern, data, expected) => {
    await using client = await connect();
    expect(await lastValueFrom(client.send(pattern, data))).toEqual(expected);
  });

  it('streams values in order', async () => {
    await using client = await connect();
    expect(await lastValueFrom(client.send('count/5', 'go').pipe(toArray()))).toEqual([1, 2, 3, 4, 5]);
    expect(await lastValueFrom(client.send('at-once', 'go').pipe(toArray()))).toEqual([1, 2, 3]);
  });

  it.each(['nothing', 'empty'])('completes without a value when the handler has none (%s)', async (topic) => {
    await using client = await connect();
    expect(await lastValueFrom(client.send(topic, 'go').pipe(toArray()))).toEqual([]);
  });

  it('keeps concurrent requests apart', async () => {
    await using client = await connect();
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    const answers = await Promise.all(
      numbers.map((number) => firstValueFrom(client.send('echo', { number }))),
    );
    expect(answers).toEqual(numbers.map((number) => ({ number })));
  });

  it.each<[string, string, unknown]>([
    ['what an RpcException holds', 'fail/known', { reason: 'too hot', limit: 90 }],
    ['the text of an RpcException', 'fail/text', { status: 'error', message: 'too hot' }],
    ['nothing of an unknown error', 'fail/unknown', { status: 'error', message: 'Internal server error' }],
    ['what an exception filter makes of an error', 'fail/filtered', { teapot: true }],
  ])('tells the requester %s', async (_, topic, error) => {
    await using client = await connect();
    const failure: unknown = await lastValueFrom(client.send(topic, 'go')).catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(RemoteError);
    expect(failure).toMatchObject({ code: 'ERR_MQTT_REMOTE', error });
    expect(JSON.stringify(failure)).not.toContain('secret');
  });

  it('delivers what a stream had before it failed', async () => {
    await using client = await connect();
    const values: unknown[] = [];
    const failure: unknown = await lastValueFrom(
      client.send('fail/stream', 'go').pipe(map((value) => values.push(value))),
    ).catch((reason: unknown) => reason);
    expect(values).toEqual([1]);
    expect(failure).toMatchObject({ message: 'broke off' });
  });

  it('fails a request whose result has no form on the wire', async () => {
    await using client = await connect();
    await expect(lastValueFrom(client.send('fail/cycle', 'go'))).rejects.toBeInstanceOf(RemoteError);
    expect(await lastValueFrom(client.send('echo', 'still here'))).toBe('still here');
  });

  it('makes a request-scoped controller anew for each request', async () => {
    await using client = await connect();
    expect(await lastValueFrom(client.send('scoped', 1))).toBe(1);
    expect(await lastValueFrom(client.send('scoped', 1))).toBe(1);
  });

  (onMqtt5Beta ? it.skip : it)('runs event handlers beside the one that answers', async () => {
    await using client = await connect();
    expect(await lastValueFrom(client.send('math/sum', [1, 2, 3]))).toBe(6);
    await until(() => events.length > 0);
    expect(events).toEqual([[1, 2, 3]]);
  });

  (onMqtt5Beta ? it.skip : it)(
    'lets the most specific of several message handlers answer, alone',
    async () => {
      await using client = await connect();
      expect(await lastValueFrom(client.send('specific/one', 1).pipe(toArray()))).toEqual(['specific']);
      expect(await lastValueFrom(client.send('specific/two', 1).pipe(toArray()))).toEqual(['general']);
    },
  );

  it('runs a message handler for a message that is no request, and publishes nothing', async () => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('#');
    await device.publish('math/sum', '[1,2]', { qos: 1 });
    await until(() => events.length > 0);
    await using client = await connect();
    await lastValueFrom(client.send('echo', 'x'));
    const topics = device.received.map(({ topic }) => topic);
    expect(topics.filter((topic) => topic.startsWith('math'))).toEqual(['math/sum']);
  });
});
