import { Controller, type Type } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import {
  MqttContext,
  MqttEventPattern,
  MqttMessagePattern,
  ServerMqtt,
  SubscriptionError,
  type ServerMqttOptions,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers } from '../support/brokers.js';
import { captureLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { describeWithMosquitto } from '../support/needs-mosquitto.js';
import { startMosquitto } from '../support/mosquitto.js';
import { startApp } from '../support/start-app.js';
import { until } from '../support/until.js';

const calls: number[] = [];

@Controller()
class OneDeniedController {
  @MqttEventPattern('allowed/one')
  one(): void {}

  @MqttEventPattern('denied/{id}', { qos: 1 })
  denied(): void {}

  @MqttMessagePattern('allowed/two', { qos: 2 })
  two(@Ctx() { qos }: MqttContext): void {
    calls.push(qos);
  }
}

@Controller()
class SeveralDeniedController {
  @MqttEventPattern(['denied/a', 'allowed/one', 'denied/b'])
  several(): void {}
}

@Controller()
class AllowedController {
  @MqttEventPattern('allowed/two', { qos: 2 })
  two(@Ctx() { qos }: MqttContext): void {
    calls.push(qos);
  }
}

async function failToStart(controller: Type, server: ServerMqttOptions): Promise<unknown> {
  using logs = captureLogs();
  return await startApp({ controllers: [controller], server, logs }).then(
    async (app) => app.close(),
    (error: unknown) => error,
  );
}

beforeEach(() => {
  calls.length = 0;
});

describeOnBrokers('a subscription that the broker refuses', ({ protocolVersion, start }) => {
  const reasonCode = protocolVersion === 5 ? 0x87 : 0x80;
  const reason = protocolVersion === 5 ? '0x87 Not authorized' : '0x80 Unspecified error';

  it('fails listen(), naming the filter and the Reason Code', async () => {
    await using broker = await start({ denied: true });
    const error = await failToStart(OneDeniedController, { url: broker.url, protocolVersion });
    expect(error).toBeInstanceOf(SubscriptionError);
    expect(error).toMatchObject({
      code: 'ERR_MQTT_SUBSCRIPTION',
      message: `The broker refused the subscription to "denied/+" (${reason})`,
      refused: [{ filter: 'denied/+', reasonCode }],
    });
  });

  it('is named together with the others that are refused', async () => {
    await using broker = await start({ denied: true });
    const error = await failToStart(SeveralDeniedController, { url: broker.url, protocolVersion });
    expect(error).toMatchObject({
      message: `The broker refused 2 subscriptions: "denied/a" (${reason}), "denied/b" (${reason})`,
      refused: [
        { filter: 'denied/a', reasonCode },
        { filter: 'denied/b', reasonCode },
      ],
    });
  });

  it('leaves the server closed, without a log line of its own', async () => {
    await using broker = await start({ denied: true });
    using logs = captureLogs();
    const server = new ServerMqtt({ url: broker.url, protocolVersion });
    server.addHandler('denied/a', async () => Promise.resolve(), true);
    const error = await new Promise((resolve) => {
      server.listen(resolve);
    });
    expect(error).toBeInstanceOf(SubscriptionError);
    expect(await firstValueFrom(server.status)).toBe('closed');
    expect(() => server.unwrap()).toThrow('Not initialized');
    expect(logs.messages('warn', 'error')).toEqual([]);
  });
});

describe.each([4, 5] as const)('a subscription that is not granted (MQTT version %i)', (protocolVersion) => {
  it('leaves no connection when the broker refused it', async () => {
    const authorizeSubscribe = (filter: string) => !filter.startsWith('denied/');
    await using broker = await startAedes({ version: protocolVersion, authorizeSubscribe });
    await failToStart(OneDeniedController, { url: broker.url, protocolVersion });
    await until(() => broker.broker.connectedClients === 0);
  });

  it('fails listen() when the broker does not answer within subscribeTimeoutMs', async () => {
    const never = new Promise<boolean>(() => undefined);
    const authorizeSubscribe = (filter: string) => (filter.startsWith('denied/') ? never : true);
    await using broker = await startAedes({ version: protocolVersion, authorizeSubscribe });
    const server = { url: broker.url, protocolVersion, subscribeTimeoutMs: 60 };
    const failure = failToStart(SeveralDeniedController, server);
    const error = await until(() => failure, { deadlineMs: 1000, message: 'the SubscriptionError' });
    expect(error).toBeInstanceOf(SubscriptionError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^The broker did not answer .*"denied\/a" \(no answer within 60 ms\)/),
      refused: expect.arrayContaining([{ filter: 'denied/a' }, { filter: 'denied/b' }]),
    });
    await until(() => broker.broker.connectedClients === 0, {
      deadlineMs: 1000,
      message: 'the disconnection',
    });
  });
});

describeWithMosquitto('a broker with a Maximum QoS', () => {
  it.each([4, 5] as const)(
    'lowers that of a subscription, which is warned about (MQTT version %i)',
    async (protocolVersion) => {
      await using broker = await startMosquitto({ config: ['max_qos 1'] });
      const server = { url: broker.url, protocolVersion };
      await using service = await startApp({ controllers: [AllowedController], server });
      expect(service.logs.warnings()).toEqual([
        'The broker granted QoS 1 for "allowed/two", not the 2 that was asked for',
      ]);
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.publish('allowed/two', 'x', { qos: 1 });
      await until(() => calls.length > 0);
      expect(calls).toEqual([1]);
    },
  );
});
