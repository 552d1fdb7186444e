import { Controller, Inject, Injectable, Scope } from '@nestjs/common';
import {
  ContextIdFactory,
  REQUEST,
  type ContextId,
  type ContextIdResolver,
  type ContextIdStrategy,
  type HostComponentInfo,
} from '@nestjs/core';
import { CONTEXT, Payload, RpcException, type RequestContext } from '@nestjs/microservices';
import { concatMap, from, lastValueFrom, of, toArray, type Observable } from 'rxjs';
import { MqttContext, MqttEventPattern, MqttMessagePattern, TopicParam } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const calls: unknown[] = [];
let created = 0;

type MessageRequest = RequestContext<unknown, MqttContext>;

@Injectable({ scope: Scope.REQUEST })
class CurrentMessage {
  readonly instance = ++created;

  constructor(@Inject(CONTEXT) private readonly request: MessageRequest) {}

  describe(): unknown {
    const context = this.request.getContext();
    return {
      pattern: this.request.getPattern(),
      data: this.request.getData(),
      topic: context instanceof MqttContext && context.topic,
    };
  }
}

@Controller()
class ScopedController {
  constructor(private readonly message: CurrentMessage) {}

  @MqttMessagePattern('scoped/request/{id}')
  request(): unknown {
    return this.message.describe();
  }

  @MqttMessagePattern('scoped/instance')
  instance(): number {
    return this.message.instance;
  }

  @MqttMessagePattern('scoped/stream')
  stream(): Observable<number> {
    return of(this.message.instance, this.message.instance);
  }

  @MqttEventPattern('scoped/event/{id}')
  event(): void {
    calls.push(this.message.describe());
  }

  @MqttEventPattern('scoped/both')
  both(@Payload() data: unknown): void {
    calls.push([data, this.message.instance]);
  }
}

@Controller()
class OtherScopedController {
  constructor(private readonly message: CurrentMessage) {}

  @MqttEventPattern('scoped/both')
  both(@Payload() data: unknown): void {
    calls.push([data, this.message.instance]);
  }
}

@Injectable({ scope: Scope.REQUEST })
class FailingProvider {
  constructor() {
    throw new RpcException('no tenant');
  }
}

@Controller()
class FailingController {
  constructor(private readonly provider: FailingProvider) {}

  @MqttMessagePattern('failing/request')
  request(): unknown {
    return this.provider;
  }

  @MqttEventPattern('failing/event')
  event(): void {
    calls.push(this.provider);
  }
}

@Injectable({ scope: Scope.REQUEST, durable: true })
class Tenant {
  messages = 0;

  constructor(@Inject(REQUEST) readonly payload: { readonly tenant: string }) {}
}

@Controller()
class TenantController {
  constructor(private readonly tenant: Tenant) {}

  @MqttMessagePattern('tenants/{tenant}/request')
  request(@TopicParam('tenant') name: string): unknown {
    return [name, this.tenant.payload.tenant, ++this.tenant.messages];
  }

  @MqttEventPattern('tenants/{tenant}/event')
  event(@TopicParam('tenant') name: string): void {
    calls.push([name, this.tenant.payload.tenant, ++this.tenant.messages]);
  }
}

/** Durable providers live as long as the tenant whose name is in the topic. */
class PerTenant implements ContextIdStrategy<MessageRequest> {
  readonly #contexts = new Map<string, ContextId>();

  attach(contextId: ContextId, request: MessageRequest): ContextIdResolver {
    const { tenant = 'none' } = request.getContext().params;
    const durable = this.#contexts.get(tenant) ?? ContextIdFactory.create();
    this.#contexts.set(tenant, durable);
    const resolve = ({ isTreeDurable }: HostComponentInfo) => (isTreeDurable ? durable : contextId);
    return { resolve, payload: { tenant } };
  }
}

describeOnBrokers('request scope', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;

  beforeAll(async () => {
    ContextIdFactory.apply(new PerTenant());
    broker = await start();
    service = await startApp({
      controllers: [ScopedController, OtherScopedController, FailingController, TenantController],
      providers: [CurrentMessage, FailingProvider, Tenant],
      server: { url: broker.url, protocolVersion },
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

  const publish = async (...messages: readonly (readonly [topic: string, payload: string])[]) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    for (const [topic, payload] of messages) await device.publish(topic, payload, { qos: 1 });
  };
  const request = async (...topics: readonly string[]): Promise<unknown[]> => {
    await using client = await startClient(broker.url, { protocolVersion });
    return await lastValueFrom(
      from(topics).pipe(
        concatMap((topic) => client.send<unknown>(topic, { to: topic })),
        toArray(),
      ),
    );
  };

  it('gives the provider of a request its pattern, data and context', async () => {
    const [answer] = await request('scoped/request/7');
    expect(answer).toEqual({
      pattern: 'scoped/request/{id}',
      data: { to: 'scoped/request/7' },
      topic: 'scoped/request/7',
    });
  });

  it('gives the provider of an event its pattern, data and context', async () => {
    await publish(['scoped/event/7', '{"a":1}']);
    await until(() => calls.length > 0);
    expect(calls).toEqual([{ pattern: 'scoped/event/{id}', data: { a: 1 }, topic: 'scoped/event/7' }]);
  });

  it('makes a provider anew for each request, and keeps it for all values of a stream', async () => {
    const before = created;
    const answers = await request('scoped/instance', 'scoped/instance', 'scoped/stream');
    expect(answers).toEqual([before + 1, before + 2, before + 3, before + 3]);
  });

  it('makes a provider anew for each event, and for each handler of it', async () => {
    const before = created;
    await publish(['scoped/both', '"first"'], ['scoped/both', '"second"']);
    await until(() => calls.length === 4);
    const instances = calls.map((call) => (call as [string, number])[1]).toSorted((a, b) => a - b);
    expect(instances).toEqual([before + 1, before + 2, before + 3, before + 4]);
  });

  it('tells the requester why a provider could not be made', async () => {
    await expect(request('failing/request')).rejects.toMatchObject({ message: 'no tenant' });
    expect(service.logs.errors()).toEqual([]);
  });

  it('logs once why a provider for an event could not be made', async () => {
    await publish(['failing/event', 'x']);
    await until(() => service.logs.errors().length > 0);
    await request('scoped/instance');
    expect(service.logs.errors()).toEqual(['FailingController.event failed on "failing/event": no tenant']);
    expect(calls).toEqual([]);
  });

  it('keeps a durable provider as long as the application says, for requests and events', async () => {
    expect(await request('tenants/a/request', 'tenants/b/request', 'tenants/a/request')).toEqual([
      ['a', 'a', 1],
      ['b', 'b', 1],
      ['a', 'a', 2],
    ]);
    await publish(['tenants/b/event', 'x'], ['tenants/a/event', 'x'], ['tenants/c/event', 'x']);
    await until(() => calls.length === 3);
    expect(new Set(calls)).toEqual(
      new Set([
        ['a', 'a', 3],
        ['b', 'b', 2],
        ['c', 'c', 1],
      ]),
    );
  });
});
