import {
  Catch,
  Controller,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type RpcExceptionFilter,
} from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  delay,
  EMPTY,
  from,
  lastValueFrom,
  map,
  mergeMap,
  of,
  tap,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';
import { MqttContext, MqttEventPattern, MqttMessagePattern } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { fence } from '../support/fence.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const calls: unknown[] = [];

const topicOf = (host: ArgumentsHost) => host.switchToRpc().getContext<MqttContext>().topic;

class RecordingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const topic = topicOf(context);
    calls.push(`before ${topic}`);
    return next.handle().pipe(tap({ complete: () => calls.push(`after ${topic}`) }));
  }
}

class WrappingInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => ({ value })));
  }
}

class AsyncInterceptor implements NestInterceptor {
  async intercept(_context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    return Promise.resolve(next.handle().pipe(mergeMap((value: unknown) => Promise.resolve({ value }))));
  }
}

class LateInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(delay(2));
  }
}

class CachingInterceptor implements NestInterceptor {
  intercept(): Observable<unknown> {
    return of('from the cache');
  }
}

class TooHotError extends Error {}
class TooColdError extends Error {}

@Catch(TooHotError)
class TooHotFilter implements RpcExceptionFilter<TooHotError> {
  catch({ message }: TooHotError, host: ArgumentsHost): Observable<never> {
    calls.push(`method filter: ${message} on ${topicOf(host)}`);
    return throwError(() => ({ temperature: message }));
  }
}

@Catch(TooColdError)
class TooColdFilter implements RpcExceptionFilter<TooColdError> {
  catch({ message }: TooColdError, host: ArgumentsHost): Observable<string> {
    calls.push(`global filter: ${message} on ${topicOf(host)}`);
    return host.switchToRpc().getData() === 'recover' ? of('recovered') : EMPTY;
  }
}

@Controller()
class InterceptedController {
  @UseInterceptors(WrappingInterceptor)
  @MqttMessagePattern('intercepted/sync')
  wrapped(): string {
    return 'a';
  }

  @UseInterceptors(WrappingInterceptor, AsyncInterceptor)
  @MqttMessagePattern('intercepted/async')
  wrappedLater(): Promise<string> {
    return Promise.resolve('a');
  }

  @UseInterceptors(CachingInterceptor)
  @MqttMessagePattern('intercepted/cached')
  cached(): string {
    calls.push('not cached');
    return 'from the handler';
  }

  @UseInterceptors(WrappingInterceptor)
  @MqttMessagePattern('intercepted/stream')
  stream(): Observable<number> {
    return from([1, 2, 3]);
  }

  @UseInterceptors(LateInterceptor)
  @MqttMessagePattern('intercepted/late')
  late(): string {
    return 'a';
  }

  @UseInterceptors(RecordingInterceptor)
  @MqttEventPattern('intercepted/event')
  async interceptedEvent(@Payload() data: unknown): Promise<void> {
    await Promise.resolve();
    calls.push(data);
  }

  @UseFilters(TooHotFilter)
  @MqttMessagePattern('filtered/request/hot')
  hotRequest(): never {
    throw new TooHotError('90');
  }

  @UseFilters(TooHotFilter)
  @MqttEventPattern('filtered/event/hot')
  hotEvent(): never {
    throw new TooHotError('90');
  }

  @MqttMessagePattern('filtered/request/cold')
  coldRequest(): Observable<never> {
    return throwError(() => new TooColdError('-9'));
  }

  @MqttEventPattern('filtered/event/cold')
  async coldEvent(): Promise<never> {
    return Promise.reject(new TooColdError('-9'));
  }

  @MqttMessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

describeOnBrokers('interceptors and exception filters', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;

  beforeAll(async () => {
    broker = await start();
    service = await startApp({
      controllers: [InterceptedController],
      server: { url: broker.url, protocolVersion },
      configure: (app) => app.useGlobalFilters(new TooColdFilter()),
    });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    calls.length = 0;
    service.logs.lines.length = 0;
  });

  const connect = () => startClient(broker.url, { protocolVersion });
  const publish = async (topic: string, payload: string) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish(topic, payload, { qos: 1 });
  };
  const request = async (topic: string, data: unknown): Promise<unknown> => {
    await using client = await connect();
    return await lastValueFrom(client.send<unknown>(topic, data)).catch((reason: unknown) => reason);
  };

  describe('interceptors', () => {
    it('run before and after an event handler', async () => {
      await publish('intercepted/event', 'x');
      await until(() => calls.length === 3);
      expect(calls).toEqual(['before intercepted/event', 'x', 'after intercepted/event']);
    });

    it('map each value of a stream', async () => {
      await using client = await connect();
      const values = await lastValueFrom(client.send('intercepted/stream', 'x').pipe(toArray()));
      expect(values).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }]);
    });

    it('can answer in place of the handler', async () => {
      expect(await request('intercepted/cached', 'x')).toBe('from the cache');
      expect(calls).toEqual([]);
    });

    it.each([
      ['sync', { value: 'a' }],
      ['async', { value: { value: 'a' } }],
      ['late', 'a'],
    ])('have a request answered with one message (%s)', async (kind, expected) => {
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.subscribe('clients/+/replies', { qos: 0 });
      expect(await request(`intercepted/${kind}`, 'x')).toEqual(expected);
      expect(await request('ping', 'x')).toBe('pong');
      await fence(device, { qos: 0 });
      expect(device.received).toHaveLength(2);
    });
  });

  describe('exception filters', () => {
    it('of a method decide what a requester is told', async () => {
      expect(await request('filtered/request/hot', 'x')).toMatchObject({ error: { temperature: '90' } });
      expect(calls).toEqual(['method filter: 90 on filtered/request/hot']);
      expect(service.logs.errors()).toEqual([]);
    });

    it('of a method run for events, and what they throw is logged once', async () => {
      await publish('filtered/event/hot', 'x');
      await until(() => service.logs.errors().length > 0);
      expect(await request('ping', 'x')).toBe('pong');
      expect(calls).toEqual(['method filter: 90 on filtered/event/hot']);
      expect(service.logs.errors()).toEqual([
        'InterceptedController.hotEvent failed on "filtered/event/hot": { temperature: \'90\' }',
      ]);
    });

    it('of the application can answer in place of the handler', async () => {
      expect(await request('filtered/request/cold', 'recover')).toBe('recovered');
      expect(calls).toEqual(['global filter: -9 on filtered/request/cold']);
    });

    it('of the application can settle a failed event, which is not logged then', async () => {
      await publish('filtered/event/cold', 'x');
      await until(() => calls.length > 0);
      expect(await request('ping', 'x')).toBe('pong');
      expect(calls).toEqual(['global filter: -9 on filtered/event/cold']);
      expect(service.logs.messages('error', 'warn')).toEqual([]);
    });
  });
});
