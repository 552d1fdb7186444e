import {
  Controller,
  UseGuards,
  UsePipes,
  type ArgumentMetadata,
  type ArgumentsHost,
  type CanActivate,
  type ExecutionContext,
  type PipeTransform,
} from '@nestjs/common';
import { Payload, RpcException } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import {
  MqttContext,
  MqttEventPattern,
  MqttMessagePattern,
  RemoteError,
  TopicParam,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const calls: unknown[] = [];

const topicOf = (host: ArgumentsHost) => host.switchToRpc().getContext<MqttContext>().topic;

/** Refuses the topics that end in "closed". */
class OpenTopicGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return !topicOf(context).endsWith('closed');
  }
}

/** Adds its name to payloads that are text, and refuses numbers. */
class SignPipe implements PipeTransform {
  constructor(private readonly name: string) {}

  transform(value: unknown, { type }: ArgumentMetadata): unknown {
    if (type !== 'body') return value;
    if (typeof value === 'number') throw new RpcException('text expected');
    return typeof value === 'string' ? `${value} ${this.name}` : value;
  }
}

@Controller()
class GuardedController {
  @UseGuards(OpenTopicGuard)
  @MqttMessagePattern('guarded/request/+')
  guardedRequest(@Payload() data: unknown): string {
    calls.push(data);
    return 'allowed';
  }

  @UseGuards(OpenTopicGuard)
  @MqttEventPattern('guarded/event/+')
  guardedEvent(@Payload() data: unknown): void {
    calls.push(data);
  }

  @UsePipes(new SignPipe('method'))
  @MqttMessagePattern('piped/request/{level}')
  pipedRequest(
    @Payload(new SignPipe('parameter')) data: unknown,
    @TopicParam('level') level: string,
  ): unknown {
    return [level, data];
  }

  @UsePipes(new SignPipe('method'))
  @MqttEventPattern('piped/event')
  pipedEvent(@Payload() data: unknown): void {
    calls.push(data);
  }

  @MqttMessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

describeOnBrokers('guards and pipes', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;

  beforeAll(async () => {
    broker = await start();
    service = await startApp({
      controllers: [GuardedController],
      server: { url: broker.url, protocolVersion },
      configure: (app) => app.useGlobalPipes(new SignPipe('global')),
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

  describe('guards', () => {
    it('let a request and an event through to their handlers', async () => {
      expect(await request('guarded/request/open', 'one')).toBe('allowed');
      await publish('guarded/event/open', 'two');
      await until(() => calls.length === 2);
      expect(calls).toEqual(['one global', 'two global']);
    });

    it('fail the request that they refuse, without a log line', async () => {
      const failure = await request('guarded/request/closed', 'x');
      expect(failure).toBeInstanceOf(RemoteError);
      expect(failure).toMatchObject({
        message: 'Forbidden resource',
        error: { status: 'error', message: 'Forbidden resource' },
      });
      expect(calls).toEqual([]);
      expect(await request('ping', 'x')).toBe('pong');
      expect(service.logs.messages('error', 'warn')).toEqual([]);
    });

    it('keep an event that they refuse from its handler, with one log line', async () => {
      await publish('guarded/event/closed', 'x');
      await until(() => service.logs.errors().length > 0);
      expect(await request('ping', 'x')).toBe('pong');
      expect(calls).toEqual([]);
      expect(service.logs.errors()).toEqual([
        'GuardedController.guardedEvent failed on "guarded/event/closed": Forbidden resource',
      ]);
    });
  });

  describe('pipes', () => {
    it('transform the payload of a request: the global one, then that of the method, then that of the parameter', async () => {
      expect(await request('piped/request/7', 'by')).toEqual(['7', 'by global method parameter']);
    });

    it('transform the payload of an event', async () => {
      await publish('piped/event', 'by');
      await until(() => calls.length > 0);
      expect(calls).toEqual(['by global method']);
    });

    it('fail the request that they refuse', async () => {
      expect(await request('piped/request/7', 7)).toMatchObject({ message: 'text expected' });
      expect(service.logs.errors()).toEqual([]);
    });

    it('keep an event that they refuse from its handler, with one log line', async () => {
      await publish('piped/event', '7');
      await until(() => service.logs.errors().length > 0);
      expect(await request('ping', 'x')).toBe('pong');
      expect(calls).toEqual([]);
      expect(service.logs.errors()).toEqual([
        'GuardedController.pipedEvent failed on "piped/event": text expected',
      ]);
    });
  });
});
