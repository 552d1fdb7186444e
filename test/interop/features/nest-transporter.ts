import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientMqtt as NestClientMqtt,
  MessagePattern,
  Payload,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { lastValueFrom, timeout } from 'rxjs';
import { captureLogs } from '../../support/capture-logs.js';
import { outcomeOf } from '../../support/outcome-of.js';
import { until } from '../../support/until.js';
import type { Feature } from '../feature.js';
import type { Scene } from '../scene.js';
import { Recorder } from './recorder.js';
import { sumController } from './sum-controller.js';

const ONE_TRY_MS = 500;

export const nestClients: Feature = {
  name: "clients of Nest's own transporter",
  run: async (scene) => {
    const { topic, protocolVersion, broker } = scene;
    const recorder = new Recorder([`${topic}/event`]);
    const controllers = [...recorder.controllers, sumController(topic)];
    await using _service = await scene.startService({ controllers });
    const client = new NestClientMqtt({ url: broker.url, protocolVersion });
    await using _client = { [Symbol.asyncDispose]: async () => client.close() };
    await client.connect();
    expect(await outcomeOf(client.send(`${topic}/sum`, [1, 2]))).toBe(3);
    await lastValueFrom(client.emit(`${topic}/event`, { data: 1, pattern: 'x' }), {
      defaultValue: undefined,
    });
    expect((await recorder.call(1)).data).toEqual({ data: 1, pattern: 'x' });
  },
};

export const nestServers: Feature = {
  name: "services on Nest's own transporter (`wireFormat: 'nest'`)",
  run: async (scene) => {
    await using _service = await startNestService(scene);
    await using client = await scene.startClient({ wireFormat: 'nest' });
    const double = (number: number) =>
      outcomeOf(client.send(`${scene.topic}/double`, number).pipe(timeout(ONE_TRY_MS)));
    await until(async () => (await double(2)) === 4); // it listens before it is subscribed
    expect(await double(3)).toBe(6);
  },
};

async function startNestService({ broker, topic, protocolVersion }: Scene): Promise<AsyncDisposable> {
  const logs = captureLogs();
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(
    { module: NestModule, controllers: [doubleController(topic)] },
    { transport: Transport.MQTT, options: { url: broker.url, protocolVersion }, logger: logs },
  );
  await app.listen();
  return {
    [Symbol.asyncDispose]: async () => {
      await app.close();
      logs[Symbol.dispose]();
    },
  };
}

function doubleController(topic: string): Type {
  @Controller()
  class DoubleController {
    @MessagePattern(`${topic}/double`)
    double(@Payload() number: number): number {
      return 2 * number;
    }
  }
  return DoubleController;
}

@Module({})
class NestModule {}
