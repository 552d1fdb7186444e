import { Controller, Get, Inject, Module, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientsModule,
  Ctx,
  EventPattern,
  MessagePattern,
  Transport,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import {
  ClientMqtt,
  MqttContext,
  MqttEventPattern,
  MqttMessagePattern,
  ServerMqtt,
  SubscriptionError,
  type ServerMqttOptions,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const SITE = Symbol('the broker on the site');
const CLOUD = Symbol('the broker in the cloud');
const TOPICS = ['nest/site', 'ours/site', 'nest/cloud', 'ours/cloud', 'default', 'both'];

const calls: string[] = [];

function record({ topic, packet }: MqttContext): void {
  calls.push(`${topic} from ${packet.payload.toString()}`);
}

@Controller()
class GatewayController {
  @EventPattern('nest/site', SITE)
  nestSite(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('ours/site', { transport: SITE })
  oursSite(@Ctx() context: MqttContext): void {
    record(context);
  }

  @EventPattern('nest/cloud', CLOUD)
  nestCloud(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('ours/cloud', { transport: CLOUD, qos: 1 })
  oursCloud(@Ctx() context: MqttContext): void {
    record(context);
  }

  @EventPattern('default', Transport.MQTT)
  default(@Ctx() context: MqttContext): void {
    record(context);
  }

  @EventPattern('both')
  both(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MessagePattern('where', SITE)
  whereSite(): string {
    return 'site';
  }

  @MqttMessagePattern('where', { transport: CLOUD })
  whereCloud(): string {
    return 'cloud';
  }
}

@Controller()
class DeniedController {
  @MqttEventPattern('denied/topic', { transport: CLOUD })
  denied(): void {}
}

@Controller()
class HttpController {
  constructor(@Inject('CLIENT') private readonly client: ClientProxy) {}

  @Get('where')
  where(): Promise<string> {
    return lastValueFrom(this.client.send<string>('where', 'x'));
  }
}

@Module({})
class GatewayModule {}

interface Gateway extends AsyncDisposable {
  readonly app: INestApplication;
  close(): Promise<void>;
}

/** An application with HTTP and these servers, none of which is started yet. */
async function createGateway(
  servers: readonly ServerMqttOptions[],
  metadata: ModuleMetadata = { controllers: [GatewayController] },
): Promise<Gateway> {
  const logs = captureLogs();
  const app = await NestFactory.create(
    { module: GatewayModule, ...metadata },
    { logger: logs, abortOnError: false },
  );
  for (const options of servers) app.connectMicroservice({ strategy: new ServerMqtt(options) });
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= app.close());
  const dispose = async () => {
    await close();
    logs[Symbol.dispose]();
  };
  return { app, close, [Symbol.asyncDispose]: dispose };
}

beforeEach(() => {
  calls.length = 0;
});

describeOnBrokers('a hybrid application with two brokers', ({ protocolVersion, start }) => {
  let site: Broker;
  let cloud: Broker;

  beforeAll(async () => {
    [site, cloud] = await Promise.all([start(), start({ denied: true })]);
  });
  afterAll(async () => {
    await Promise.all([site, cloud].map(async (broker) => broker[Symbol.asyncDispose]()));
  });

  const onSite = () => ({ url: site.url, protocolVersion, transportId: SITE });
  const inCloud = () => ({ url: cloud.url, protocolVersion, transportId: CLOUD });
  const publishAll = async (url: string, from: string) => {
    await using device = await connectDevice(url, { protocolVersion });
    for (const topic of TOPICS) await device.publish(topic, from);
    await until(() => calls.includes(`both from ${from}`));
  };

  it('binds a handler to the broker that it names, and to both if it names none', async () => {
    await using gateway = await createGateway([onSite(), inCloud()]);
    await gateway.app.startAllMicroservices();
    await publishAll(site.url, 'A');
    expect(calls.splice(0)).toEqual(['nest/site from A', 'ours/site from A', 'both from A']);
    await publishAll(cloud.url, 'B');
    expect(calls).toEqual(['nest/cloud from B', 'ours/cloud from B', 'both from B']);
  });

  it('binds a handler that names Transport.MQTT to a server without a transportId of its own', async () => {
    await using gateway = await createGateway([{ url: site.url, protocolVersion }, inCloud()]);
    await gateway.app.startAllMicroservices();
    await publishAll(site.url, 'A');
    expect(calls.splice(0)).toEqual(['default from A', 'both from A']);
    await publishAll(cloud.url, 'B');
    expect(calls).toEqual(['nest/cloud from B', 'ours/cloud from B', 'both from B']);
  });

  it('answers a request from the broker where it was asked', async () => {
    await using gateway = await createGateway([onSite(), inCloud()]);
    await gateway.app.startAllMicroservices();
    await using siteClient = await startClient(site.url, { protocolVersion });
    await using cloudClient = await startClient(cloud.url, { protocolVersion });
    expect(await lastValueFrom(siteClient.send('where', 'x'))).toBe('site');
    expect(await lastValueFrom(cloudClient.send('where', 'x'))).toBe('cloud');
  });

  it('serves HTTP from its own handlers', async () => {
    const client = { name: 'CLIENT', customClass: ClientMqtt, options: { url: cloud.url, protocolVersion } };
    await using gateway = await createGateway([inCloud()], {
      imports: [ClientsModule.register([client])],
      controllers: [GatewayController, HttpController],
    });
    await gateway.app.startAllMicroservices();
    await gateway.app.listen(0, '127.0.0.1');
    const response = await fetch(`${await gateway.app.getUrl()}/where`);
    expect(await response.text()).toBe('cloud');
  });

  it('does not start when one of the brokers refuses a subscription', async () => {
    await using gateway = await createGateway([onSite(), inCloud()], { controllers: [DeniedController] });
    await expect(gateway.app.startAllMicroservices()).rejects.toBeInstanceOf(SubscriptionError);
  });
});

describe.each([4, 5] as const)('a hybrid application with two brokers (MQTT version %i)', (version) => {
  it('has subscribed everywhere when it has started, and leaves no connection when it is closed', async () => {
    await using site = await startAedes({ version });
    await using cloud = await startAedes({ version });
    await using gateway = await createGateway([
      { url: site.url, protocolVersion: version, transportId: SITE },
      { url: cloud.url, protocolVersion: version, transportId: CLOUD },
    ]);
    await gateway.app.startAllMicroservices();
    const filters = [site, cloud].map((broker) =>
      broker
        .subscribed()
        .map(({ topic }) => topic)
        .toSorted(),
    );
    expect(filters).toEqual([
      ['both', 'clients/+/cancellations', 'nest/site', 'ours/site', 'where'],
      ['both', 'clients/+/cancellations', 'nest/cloud', 'ours/cloud', 'where'],
    ]);
    await gateway.close();
    await until(() => site.broker.connectedClients + cloud.broker.connectedClients === 0);
  });
});
