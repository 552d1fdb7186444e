import { Controller } from '@nestjs/common';
import { ClientProxy, Ctx } from '@nestjs/microservices';
import { lastValueFrom, toArray } from 'rxjs';
import {
  MqttContext,
  MqttEventPattern,
  MqttMessagePattern,
  MqttRecord,
  type ClientMqttOptions,
} from '../../src/index.js';
import { describeOnBrokers, type Broker } from '../support/brokers.js';
import { startApp, type App } from '../support/start-app.js';
import { startClient } from '../support/start-client.js';
import { until } from '../support/until.js';

interface OutgoingPacket {
  readonly pattern: unknown;
  readonly data: unknown;
  metadata?: Record<string, string>;
}

/** What Nest has since 12.1. */
interface WithDispatchHook {
  setOnDispatchHook(hook: (packet: OutgoingPacket) => void): void;
}

const handled: unknown[] = [];
const dispatched: unknown[] = [];

@Controller()
class MetadataController {
  @MqttMessagePattern('metadata/request')
  request(@Ctx() context: MqttContext): unknown {
    return context.getMetadata();
  }

  @MqttEventPattern('metadata/event')
  event(@Ctx() context: MqttContext): void {
    handled.push(context.getMetadata());
  }
}

const describeWithHook = 'setOnDispatchHook' in ClientProxy.prototype ? describe : describe.skip;

describeWithHook('what a dispatch hook attaches', () => {
  describeOnBrokers('to a packet', ({ protocolVersion, start }) => {
    let broker: Broker;
    let service: App;

    beforeAll(async () => {
      broker = await start();
      const server = { url: broker.url, protocolVersion };
      service = await startApp({ controllers: [MetadataController], server });
    });
    afterAll(async () => {
      await service[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    });
    beforeEach(() => {
      handled.length = 0;
      dispatched.length = 0;
    });

    const startTracedClient = async (options: ClientMqttOptions = {}) => {
      const client = await startClient(broker.url, { protocolVersion, ...options });
      (client as unknown as WithDispatchHook).setOnDispatchHook((packet) => {
        dispatched.push({ ...packet });
        Object.assign(packet, { metadata: { trace: '7', source: 'hook' } });
      });
      return client;
    };
    const emit = async (client: ClientProxy, data: unknown): Promise<unknown> => {
      await lastValueFrom(client.emit('metadata/event', data), { defaultValue: undefined });
      return until(() => handled[0]);
    };

    it('comes with a request', async () => {
      await using client = await startTracedClient();
      const metadata = await lastValueFrom(client.send('metadata/request', { a: 1 }));
      expect(metadata).toEqual({ trace: '7', source: 'hook' });
      expect(dispatched).toEqual([{ pattern: 'metadata/request', data: { a: 1 } }]);
    });

    it('comes with a request to many responders', async () => {
      await using client = await startTracedClient();
      const [reply] = await lastValueFrom(
        client.sendToMany('metadata/request', { a: 1 }, { max: 1 }).pipe(toArray()),
      );
      expect(reply?.value).toMatchObject({ trace: '7', source: 'hook' });
      expect(dispatched).toEqual([{ pattern: 'metadata/request', data: { a: 1 } }]);
    });

    it('comes with an event on MQTT 5', async () => {
      await using client = await startTracedClient();
      expect(await emit(client, { a: 1 })).toEqual(
        protocolVersion === 5 ? { trace: '7', source: 'hook' } : {},
      );
      expect(dispatched).toEqual([{ pattern: 'metadata/event', data: { a: 1 } }]);
    });

    it("comes with an event in Nest's dialect, whatever the version", async () => {
      await using client = await startTracedClient({ wireFormat: 'nest' });
      expect(await emit(client, { a: 1 })).toEqual({ trace: '7', source: 'hook' });
    });

    it('precedes the User Properties of the client, and gives way to those of a record', async () => {
      await using client = await startTracedClient({ userProperties: { trace: 'client', tenant: 'acme' } });
      const record = new MqttRecord(1, { properties: { userProperties: { source: 'record' } } });
      expect(await emit(client, record)).toEqual(
        protocolVersion === 5 ? { trace: '7', tenant: 'acme', source: 'record' } : {},
      );
    });
  });
});
