import { Controller, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { concat, lastValueFrom, of, throwError, type Observable } from 'rxjs';
import { MqttEventPattern, MqttMessagePattern, TopicParam } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const calls: string[] = [];

const HANDLERS: Readonly<Record<string, () => unknown>> = {
  'known/text': () => {
    throw new RpcException('too hot');
  },
  'known/object': () => {
    throw new RpcException({ temperature: 90 });
  },
  'known/promise': async () => Promise.reject(new RpcException('too hot')),
  'known/observable': () => failAfterValues(new RpcException('too hot')),
  'unknown/error': () => {
    throw new Error('disk full');
  },
  'unknown/promise': async () => Promise.reject(new Error('disk full')),
  'unknown/observable': () => failAfterValues(new Error('disk full')),
  'unknown/text': () => throwError(() => 'disk full'),
};

function failAfterValues(error: Error): Observable<number> {
  return concat(
    of(1, 2),
    throwError(() => error),
  );
}

@Controller()
class FailingController {
  @MqttEventPattern('events/{what}/{how}')
  event(@TopicParam('what') what: string, @TopicParam('how') how: string): unknown {
    return HANDLERS[`${what}/${how}`]?.();
  }

  @MqttEventPattern('events/{what}/{how}')
  other(@TopicParam('how') how: string): void {
    calls.push(how);
  }

  @MqttMessagePattern('requests/{what}/{how}')
  request(@TopicParam('what') what: string, @TopicParam('how') how: string): unknown {
    return HANDLERS[`${what}/${how}`]?.() ?? 'fine';
  }
}

class BrokenFilter implements RpcExceptionFilter {
  catch(): never {
    throw new Error('the filter is broken');
  }
}

@Controller()
@UseFilters(BrokenFilter)
class FilteredController {
  @MqttEventPattern('filtered/event')
  event(): never {
    throw new RpcException('too hot');
  }

  @MqttMessagePattern('filtered/request')
  request(): never {
    throw new RpcException('too hot');
  }
}

describeOnBrokers('a handler that fails', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;

  beforeAll(async () => {
    broker = await start();
    const server = { url: broker.url, protocolVersion };
    service = await startApp({ controllers: [FailingController, FilteredController], server });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    calls.length = 0;
    service.logs.lines.length = 0;
  });

  const errors = () => service.logs.lines.filter(({ level }) => level === 'error');
  const request = async (topic: string): Promise<unknown> => {
    await using client = await startClient(broker.url, { protocolVersion });
    return await lastValueFrom(client.send<unknown>(topic, 'x')).catch((reason: unknown) => reason);
  };
  const handleEvent = async (topic: string) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish(topic, 'x');
    await until(() => errors().length > 0 && calls.length > 0);
    expect(await request('requests/not/at-all')).toBe('fine');
  };

  it.each([
    ['an RpcException', 'events/known/text', 'too hot'],
    ['an RpcException with an object', 'events/known/object', '{ temperature: 90 }'],
    ['a Promise', 'events/known/promise', 'too hot'],
    ['an Observable', 'events/known/observable', 'too hot'],
  ])('for an event, with %s, has one log line of ours, and the other handler runs', async (_, topic, why) => {
    await handleEvent(topic);
    expect(errors()).toEqual([
      expect.objectContaining({
        context: 'ServerMqtt',
        message: `FailingController.event failed on "${topic}": ${why}`,
      }),
    ]);
    expect(calls).toHaveLength(1);
  });

  it.each([
    ['an Error', 'events/unknown/error'],
    ['a Promise', 'events/unknown/promise'],
    ['an Observable', 'events/unknown/observable'],
    ['something that is no Error', 'events/unknown/text'],
  ])("for an event, with %s, has one log line of Nest's, and the other handler runs", async (_, topic) => {
    await handleEvent(topic);
    expect(errors()).toEqual([
      expect.objectContaining({ context: 'RpcExceptionsHandler', message: 'disk full' }),
    ]);
    expect(calls).toHaveLength(1);
  });

  it.each(['text', 'object', 'promise', 'observable'])(
    'for a request, with an RpcException (%s), has no log line: the requester is told',
    async (how) => {
      expect(await request(`requests/known/${how}`)).toMatchObject({ code: 'ERR_MQTT_REMOTE' });
      expect(await request('requests/not/at-all')).toBe('fine');
      expect(service.logs.messages('error', 'warn')).toEqual([]);
    },
  );

  it.each(['error', 'promise', 'observable', 'text'])(
    "for a request, with what was not meant for the requester (%s), has one log line of Nest's",
    async (how) => {
      expect(await request(`requests/unknown/${how}`)).toMatchObject({ message: 'Internal server error' });
      expect(await request('requests/not/at-all')).toBe('fine');
      expect(errors()).toEqual([
        expect.objectContaining({ context: 'RpcExceptionsHandler', message: 'disk full' }),
      ]);
    },
  );

  it('and whose exception filter fails has one log line of ours', async () => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('filtered/event', 'x');
    await until(() => errors().length > 0);
    expect(await request('filtered/request')).toMatchObject({ message: 'Internal server error' });
    expect(await request('requests/not/at-all')).toBe('fine');
    expect(errors().map(({ message }) => message)).toEqual([
      'FilteredController.event failed on "filtered/event": the filter is broken',
      'FilteredController.request failed on "filtered/request": the filter is broken',
    ]);
  });
});
