import { Controller, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientProxyFactory,
  ClientsModule,
  Payload,
  RpcException,
  type ClientsModuleOptionsFactory,
} from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { ClientMqtt, ConnectionError, MqttMessagePattern, type ClientMqttOptions } from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

@Controller()
class EchoController {
  @MqttMessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MqttMessagePattern('fail')
  fail(): never {
    throw new RpcException({ reason: 'too hot' });
  }
}

@Module({})
class ClientsHost {}

@Module({})
class ConfigHost {}

/** A Nest application without a transport of its own, with the client of these modules under the name "DEVICES". */
async function startHost(...imports: readonly DynamicModule[]) {
  const logs = captureLogs();
  const app = await NestFactory.createApplicationContext(
    { module: ClientsHost, imports: [...imports] },
    { logger: logs, abortOnError: false },
  );
  const client = app.get<ClientMqtt>('DEVICES', { strict: false });
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= app.close());
  const dispose = async () => {
    await close();
    logs[Symbol.dispose]();
  };
  return { client, close, [Symbol.asyncDispose]: dispose };
}

class DeviceError extends Error {
  constructor(readonly reason: unknown) {
    super('The device failed');
  }
}

class DeviceClient extends ClientMqtt {
  protected override serializeError(error: unknown): unknown {
    return new DeviceError(error);
  }

  protected override serializeResponse(response: unknown): unknown {
    return { response };
  }
}

describeOnBrokers('a client', ({ protocolVersion, start }) => {
  let broker: Broker;
  let service: App;
  let options: ClientMqttOptions;

  beforeAll(async () => {
    broker = await start();
    options = { url: broker.url, protocolVersion };
    service = await startApp({ controllers: [EchoController], server: { url: broker.url, protocolVersion } });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  const expectToWork = async (client: ClientProxy) => {
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.subscribe('events');
    await lastValueFrom(client.emit('events', { a: 1 }), { defaultValue: undefined });
    expect((await device.next('events')).payload.toString()).toBe('{"a":1}');
    expect(await lastValueFrom(client.send('echo', { a: 1 }))).toEqual({ a: 1 });
  };

  it('comes from ClientsModule.register', async () => {
    await using host = await startHost(
      ClientsModule.register([{ name: 'DEVICES', customClass: ClientMqtt, options }]),
    );
    await expectToWork(host.client);
  });

  it('comes from ClientsModule.registerAsync with a factory that is injected', async () => {
    const config = { provide: 'CONFIG', useValue: { url: broker.url } };
    const ConfigModule = { module: ConfigHost, providers: [config], exports: [config] };
    await using host = await startHost(
      ClientsModule.registerAsync([
        {
          name: 'DEVICES',
          imports: [ConfigModule],
          inject: ['CONFIG'],
          useFactory: ({ url }: { url: string }) => ({
            customClass: ClientMqtt,
            options: { url, protocolVersion },
          }),
        },
      ]),
    );
    await expectToWork(host.client);
  });

  it('comes from ClientsModule.registerAsync with a class', async () => {
    @Injectable()
    class DevicesConfig implements ClientsModuleOptionsFactory {
      createClientOptions() {
        return { customClass: ClientMqtt, options };
      }
    }
    await using host = await startHost(
      ClientsModule.registerAsync([{ name: 'DEVICES', useClass: DevicesConfig }]),
    );
    await expectToWork(host.client);
  });

  it('comes from ClientProxyFactory', async () => {
    const client = ClientProxyFactory.create({ customClass: ClientMqtt, options });
    await expectToWork(client);
    await client.close();
  });

  it('comes from its constructor', async () => {
    const client = new ClientMqtt(options);
    await expectToWork(client);
    await client.close();
  });

  it('is closed with the application', async () => {
    await using host = await startHost(
      ClientsModule.register([{ name: 'DEVICES', customClass: ClientMqtt, options }]),
    );
    await host.client.connect();
    expect(await firstValueFrom(host.client.status)).toBe('connected');
    await host.close();
    expect(await firstValueFrom(host.client.status)).toBe('closed');
    expect(() => host.client.unwrap()).toThrow('Not initialized');
  });

  it('may be a subclass that says what errors and responses become', async () => {
    const client = new DeviceClient(options);
    expect(await lastValueFrom(client.send('echo', 7))).toEqual({ response: 7 });
    const failure: unknown = await lastValueFrom(client.send('fail', 7)).catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(DeviceError);
    expect(failure).toMatchObject({ reason: { reason: 'too hot' } });
    await client.close();
  });

  it('fails a request that it was asked for right before it is closed', async () => {
    await using client = await startClient(broker.url, { protocolVersion });
    let failure: unknown;
    client.send('echo', 1).subscribe({ error: (error: unknown) => (failure = error) });
    await client.close();
    expect(await until(() => failure)).toBeInstanceOf(ConnectionError);
  });
});

describe.each([4, 5] as const)('closing an application (MQTT version %i)', (version) => {
  it('leaves no connection of its clients', async () => {
    await using broker = await startAedes({ version });
    const options = { url: broker.url, protocolVersion: version };
    await using host = await startHost(
      ClientsModule.register([
        { name: 'DEVICES', customClass: ClientMqtt, options },
        { name: 'OTHERS', customClass: ClientMqtt, options },
      ]),
    );
    await lastValueFrom(host.client.emit('events', 1), { defaultValue: undefined });
    expect(broker.broker.connectedClients).toBe(1);
    await host.close();
    await until(() => broker.broker.connectedClients === 0);
  });
});
