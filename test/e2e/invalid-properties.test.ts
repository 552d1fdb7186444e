import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { MqttMessagePattern, MqttRecord, PublishError, type PublishProperties } from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { captureLogs, type CapturedLogs } from '../support/capture-logs.js';
import { connectDevice } from '../support/device.js';
import { fence } from '../support/fence.js';
import { startApp } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

const INVALID: readonly (readonly [string, object])[] = [
  ['Content Type', { contentType: 7 }],
  ['Content Type', { contentType: null }],
  ['message expiry', { messageExpiryInterval: -1 }],
  ['message expiry', { messageExpiryInterval: 2 ** 32 }],
  ['message expiry', { messageExpiryInterval: '60' }],
  ['Topic Alias', { topicAlias: 0 }],
  ['Topic Alias', { topicAlias: 65_535 }],
  ['User Property "tenant"', { userProperties: { tenant: null } }],
  ['Response Topic', { responseTopic: 7 }],
  ['Correlation Data', { correlationData: 7 }],
  ['Payload Format Indicator', { payloadFormatIndicator: 'yes' }],
  ['unheardOf', { unheardOf: 'x' }],
];

/** A reply has the request's Correlation Data, whatever the record says. */
const INVALID_IN_REPLY = INVALID.filter(([name]) => name !== 'Correlation Data');

@Controller()
class ReplyController {
  @MqttMessagePattern('reply')
  reply(@Payload() properties: PublishProperties | 'fine'): unknown {
    return properties === 'fine' ? properties : new MqttRecord(1, { properties });
  }
}

/** MQTT.js destroys the connection for a property that it cannot write, and tries a message with QoS 1 again for ever. */
describeOnBrokers(
  'a record with a property that has no form on the wire',
  ({ protocolVersion, start }) => {
    let broker: Broker;
    let logs: CapturedLogs;

    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker[Symbol.asyncDispose]());
    beforeEach(() => {
      logs = captureLogs();
    });
    afterEach(() => logs[Symbol.dispose]());

    describe.each([0, 1] as const)('with QoS %i', (qos) => {
      it.each(INVALID)(
        'fails to be emitted (the %s in %j), and the connection stays',
        async (name, properties) => {
          await using device = await connectDevice(broker.url, { protocolVersion });
          await device.subscribe('out');
          await using client = await startClient(broker.url, { protocolVersion });
          const results: unknown[] = [];
          const emit = (data: unknown) =>
            client.emit('out', data).subscribe({
              error: (error: unknown) => results.push(error),
              complete: () => results.push('published'),
            });
          emit(new MqttRecord('bad', { qos, properties }));
          await until(() => results.length === 1, { deadlineMs: 1000, message: 'the PublishError' });
          emit(new MqttRecord('good', { qos }));
          await until(() => results.length === 2, { deadlineMs: 1000, message: 'the next message' });
          expect(results).toEqual([expect.any(PublishError), 'published']);
          expect((results[0] as Error).message).toContain(name);
          await fence(device);
          expect(device.received.map(({ payload }) => payload.toString())).toEqual(['good']);
          expect(logs.messages('warn', 'error')).toEqual([]);
        },
      );
    });

    it.each(INVALID_IN_REPLY)(
      'fails a request as its result (the %s in %j), and the service goes on',
      async (_, properties) => {
        const server = { url: broker.url, protocolVersion };
        await using service = await startApp({ controllers: [ReplyController], server, logs });
        await using client = await startClient(broker.url, { protocolVersion });
        const request = (data: unknown) =>
          until(() => lastValueFrom(client.send<unknown>('reply', data)).catch((reason: unknown) => reason), {
            deadlineMs: 1000,
            message: 'an answer',
          });
        expect(await request(properties)).toMatchObject({ message: 'Internal server error' });
        expect(await request('fine')).toBe('fine');
        expect(service.logs.warnings()).toEqual([]);
      },
    );
  },
  { only: (target) => target.protocolVersion === 5 },
);
