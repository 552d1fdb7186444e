import { Controller, type Type } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import {
  MqttContext,
  MqttEventPattern,
  MqttMessagePattern,
  type ServerMqttOptions,
} from '../../src/index.js';
import { startAedes } from '../support/aedes-broker.js';
import { describeOnBrokers } from '../support/brokers.js';
import { connectDevice } from '../support/device.js';
import { startApp } from '../support/start-app.js';
import { until } from '../support/until.js';

const calls: string[] = [];

@Controller()
class DistinctController {
  @MqttEventPattern('a/{x}', { qos: 1 })
  one(): void {}

  @MqttEventPattern('a/+', { noLocal: true, retainHandling: 2 })
  two(): void {}

  @MqttMessagePattern('a/{y}', { retainAsPublished: true, noLocal: true, retainHandling: 1 })
  three(): void {}

  @MqttEventPattern({ cmd: 'go' })
  object(): void {}

  @MqttEventPattern(['b', 'c/{rest*}'])
  several(): void {}
}

@Controller()
class CoveredController {
  @MqttEventPattern('jobs/#')
  all(): void {}

  @MqttEventPattern('jobs/{id}', { qos: 1 })
  job(): void {}

  @MqttEventPattern('jobs/7/log', { qos: 2 })
  log(): void {}

  @MqttEventPattern('jobs')
  parent(): void {}

  @MqttEventPattern('others/7', { qos: 1 })
  other(): void {}
}

@Controller()
class OverlappingController {
  @MqttEventPattern('x/+/z')
  one(@Ctx() { topic }: MqttContext): void {
    calls.push(`one ${topic}`);
  }

  @MqttEventPattern('x/y/+')
  two(@Ctx() { topic }: MqttContext): void {
    calls.push(`two ${topic}`);
  }

  @MqttEventPattern('unrelated')
  three(): void {}
}

@Controller()
class RetainedController {
  @MqttEventPattern('kept/#')
  all(@Ctx() { topic, retain }: MqttContext): void {
    calls.push(`all ${topic} ${retain}`);
  }

  @MqttEventPattern('kept/{id}')
  one(@Ctx() { topic, retain }: MqttContext): void {
    calls.push(`one ${topic} ${retain}`);
  }
}

beforeEach(() => {
  calls.length = 0;
});

describe.each([4, 5] as const)('the SUBSCRIBE packets of a server (MQTT version %i)', (protocolVersion) => {
  const subscriptions = async (controller: Type, options: ServerMqttOptions = {}) => {
    await using broker = await startAedes({ version: protocolVersion });
    const server = { url: broker.url, protocolVersion, ...options };
    await using _service = await startApp({ controllers: [controller], server });
    return broker.subscribed().map(({ topic, qos, nl, rap, rh }) => ({ topic, qos, nl, rap, rh }));
  };
  const filters = async (controller: Type) =>
    (await subscriptions(controller)).map(({ topic, qos }) => `${topic} ${qos}`).toSorted();

  it('ask once for each filter, whatever its levels are called', async () => {
    expect(await filters(DistinctController)).toEqual([
      'a/+ 1',
      'b 0',
      'c/# 0',
      'clients/+/cancellations 0',
      '{"cmd":"go"} 0',
    ]);
  });

  it('ask for what satisfies every handler of a filter', async () => {
    const subscription = (await subscriptions(DistinctController)).find(({ topic }) => topic === 'a/+');
    const onMqtt5 = { nl: false, rap: true, rh: 0 };
    expect(subscription).toMatchObject({ qos: 1, ...(protocolVersion === 5 && onMqtt5) });
  });

  it('leave covered filters out where a message does not say what it matched, with the highest QoS', async () => {
    expect(await filters(CoveredController)).toEqual(
      protocolVersion === 4
        ? ['jobs/# 2', 'others/7 1']
        : ['jobs 0', 'jobs/# 0', 'jobs/+ 1', 'jobs/7/log 2', 'others/7 1'],
    );
  });
});

describeOnBrokers('filters that overlap without covering each other', ({ protocolVersion, start }) => {
  it('are warned about where a message does not say what it matched', async () => {
    await using broker = await start();
    const server = { url: broker.url, protocolVersion };
    await using service = await startApp({ controllers: [OverlappingController], server });
    const warning = expect.stringContaining('a message for both "x/+/z" and "x/y/+" may come twice');
    expect(service.logs.warnings()).toEqual(protocolVersion === 4 ? [warning] : []);
  });

  it('of which one alone matches have its handler run alone', async () => {
    await using broker = await start();
    const server = { url: broker.url, protocolVersion };
    await using _service = await startApp({ controllers: [OverlappingController], server });
    await using device = await connectDevice(broker.url, { protocolVersion });
    await device.publish('x/a/z', '1');
    await device.publish('x/y/a', '2');
    await until(() => calls.includes('two x/y/a'));
    expect(calls).toEqual(['one x/a/z', 'two x/y/a']);
  });
});

// The pinned beta of aedes drops all Subscription Identifiers but one of a message.
describeOnBrokers(
  'filters that overlap where a message says what it matched',
  ({ protocolVersion, start }) => {
    it('have each of their handlers run once', async () => {
      await using broker = await start();
      const server = { url: broker.url, protocolVersion };
      await using _service = await startApp({ controllers: [OverlappingController], server });
      await using device = await connectDevice(broker.url, { protocolVersion });
      await device.publish('x/y/z', '1');
      await device.publish('x/y/a', '2');
      await until(() => calls.includes('two x/y/a'));
      expect(calls.toSorted()).toEqual(['one x/y/z', 'two x/y/a', 'two x/y/z']);
    });
  },
  { only: (target) => target.protocolVersion === 5 && target.kind === 'mosquitto' },
);

describeOnBrokers('retained messages', ({ protocolVersion, start }) => {
  it('reach every matching handler once', async () => {
    await using broker = await start();
    await using device = await connectDevice(broker.url, { protocolVersion });
    for (const id of ['a', 'b']) await device.publish(`kept/${id}`, 'x', { retain: true, qos: 1 });
    const server = { url: broker.url, protocolVersion };
    await using _service = await startApp({ controllers: [RetainedController], server });
    await device.publish('kept/last/one', 'x', { qos: 1 });
    await until(() => calls.includes('all kept/last/one false'));
    expect(calls.toSorted()).toEqual([
      'all kept/a true',
      'all kept/b true',
      'all kept/last/one false',
      'one kept/a true',
      'one kept/b true',
    ]);
  });
});
