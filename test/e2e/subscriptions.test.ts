import { Controller } from '@nestjs/common';
import { Ctx, EventPattern } from '@nestjs/microservices';
import type { MqttClient } from 'mqtt';
import { MqttContext, MqttEventPattern, type ServerMqttOptions } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp } from '../support/start-app.js';
import { until } from '../support/until.js';

const calls: { readonly topic: string; readonly qos: number; readonly retain: boolean }[] = [];

function record({ topic, qos, retain }: MqttContext): void {
  calls.push({ topic, qos, retain });
}

@Controller()
class QosController {
  @MqttEventPattern('qos/default')
  byDefault(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('qos/0', { qos: 0 })
  zero(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('qos/1', { qos: 1 })
  one(@Ctx() context: MqttContext): void {
    record(context);
  }

  @EventPattern<string>('qos/2', { qos: 2 })
  two(@Ctx() context: MqttContext): void {
    record(context);
  }
}

@Controller()
class OptionsController {
  @MqttEventPattern('options/default')
  byDefault(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('options/set', {
    noLocal: true,
    retainAsPublished: true,
    retainHandling: 2,
  })
  set(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('options/unset', {
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
  })
  unset(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('options/new', { retainHandling: 1 })
  onlyNew(@Ctx() context: MqttContext): void {
    record(context);
  }

  @MqttEventPattern('options/last')
  last(@Ctx() context: MqttContext): void {
    record(context);
  }
}

beforeEach(() => {
  calls.length = 0;
});

describeOnBrokers('the QoS of a subscription', ({ protocolVersion, start }) => {
  let broker: Broker;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker[Symbol.asyncDispose]());

  it.each<[string, ServerMqttOptions, 0 | 1 | 2]>([
    ['0', {}, 0],
    ['that of the server', { qos: 1 }, 1],
    ["that of Nest's subscribeOptions", { subscribeOptions: { qos: 2 } }, 2],
    [
      "that of the server rather than of Nest's subscribeOptions",
      { qos: 1, subscribeOptions: { qos: 2 } },
      1,
    ],
  ])('is %s, unless the handler has its own', async (_, options, qos) => {
    await using _service = await startApp({
      controllers: [QosController],
      server: { url: broker.url, protocolVersion, ...options },
    });
    await using device = await connectDevice(broker.url, { protocolVersion });
    for (const name of ['0', '1', '2', 'default']) await device.publish(`qos/${name}`, 'x', { qos: 2 });
    await until(() => calls.length === 4);
    expect(Object.fromEntries(calls.map((call) => [call.topic, call.qos]))).toEqual({
      'qos/default': qos,
      'qos/0': 0,
      'qos/1': 1,
      'qos/2': 2,
    });
  });
});

describeOnBrokers(
  'the options of a subscription',
  ({ protocolVersion, start }) => {
    const startService = (url: string, options: ServerMqttOptions = {}) =>
      startApp({ controllers: [OptionsController], server: { url, protocolVersion, ...options } });
    const all = ['default', 'set', 'unset', 'new', 'last'];
    const handledTopics = async () => {
      await until(() => calls.some(({ topic }) => topic === 'options/last'));
      return calls.map(({ topic }) => topic.replace('options/', '')).filter((name) => name !== 'last');
    };

    it.each<[string, ServerMqttOptions, string[]]>([
      ['only if a handler says so', {}, ['default', 'unset', 'new']],
      ['if the server says so, unless a handler does not', { noLocal: true }, ['unset']],
      [
        "if Nest's subscribeOptions say so, unless a handler does not",
        { subscribeOptions: { nl: true } },
        ['unset'],
      ],
    ])('keep what the connection itself published away (noLocal) %s', async (_, options, expected) => {
      await using broker = await start();
      await using service = await startService(broker.url, options);
      const client = service.server.unwrap<MqttClient>();
      for (const name of all) await client.publishAsync(`options/${name}`, 'x');
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.publish('options/last', 'x');
      expect(await handledTopics()).toEqual(expected);
    });

    it.each<[string, ServerMqttOptions, string[]]>([
      ['only if a handler says so', {}, ['set']],
      [
        'if the server says so, unless a handler does not',
        { retainAsPublished: true },
        ['default', 'set', 'new'],
      ],
      [
        "if Nest's subscribeOptions say so, unless a handler does not",
        { subscribeOptions: { rap: true } },
        ['default', 'set', 'new'],
      ],
    ])('keep the RETAIN flag (retainAsPublished) %s', async (_, options, expected) => {
      await using broker = await start();
      await using _service = await startService(broker.url, options);
      await using device = await connectDevice(broker.url, { protocolVersion });
      for (const name of all) await device.publish(`options/${name}`, 'x', { retain: true });
      await handledTopics();
      const kept = calls.filter(({ topic, retain }) => retain && topic !== 'options/last');
      expect(kept.map(({ topic }) => topic.replace('options/', ''))).toEqual(expected);
    });

    it.each<[string, ServerMqttOptions, string[], string[]]>([
      [
        'by default always, unless a handler says other',
        {},
        ['default', 'new', 'unset'],
        ['default', 'unset'],
      ],
      ['as the server says', { retainHandling: 1 }, ['default', 'new', 'unset'], ['unset']],
      ["as Nest's subscribeOptions say", { subscribeOptions: { rh: 2 } }, ['new', 'unset'], ['unset']],
    ])('have retained messages sent (retainHandling) %s', async (_, options, first, second) => {
      await using broker = await start();
      await using device = await connectDevice(broker.url, { protocolVersion });
      for (const name of all.slice(0, -1))
        await device.publish(`options/${name}`, 'x', { retain: true, qos: 1 });
      const kept = { clean: false, clientId: 'service', properties: { sessionExpiryInterval: 60 } };
      const runService = async () => {
        await using _service = await startService(broker.url, { ...kept, ...options });
        await device.publish('options/last', 'x', { qos: 1 });
        const names = await handledTopics();
        calls.length = 0;
        return names.toSorted();
      };
      expect(await runService()).toEqual(first);
      expect(await runService()).toEqual(second);
    });
  },
  { only: (target) => target.protocolVersion === 5 },
);
