import { Controller, type Type } from '@nestjs/common';
import { Payload, RpcException } from '@nestjs/microservices';
import { from, lastValueFrom, toArray, type Observable } from 'rxjs';
import { MqttMessagePattern, MqttRecordBuilder, RemoteError } from '../../../src/index.js';
import { outcomeOf } from '../../support/outcome-of.js';
import type { Feature } from '../feature.js';

const NUMBERS = Array.from({ length: 50 }, (_, index) => index);

export const requests: Feature = {
  name: 'requests, one by one and many at once',
  run: async (scene) => {
    const { topic } = scene;
    await using _service = await scene.startService({ controllers: [calculator(topic)] });
    await using client = await scene.startClient();
    await using other = await scene.startClient();
    const double = (number: number, through = client) =>
      lastValueFrom(through.send<number>(`${topic}/double`, number).pipe(toArray()));
    for (const number of NUMBERS.slice(0, 5)) expect(await double(number)).toEqual([2 * number]);
    const doubled = await Promise.all(NUMBERS.flatMap((number) => [double(number), double(number, other)]));
    expect(doubled).toEqual(NUMBERS.flatMap((number) => [[2 * number], [2 * number]]));
    const careful = new MqttRecordBuilder(4).setQoS(1).build();
    expect(await lastValueFrom(client.send(`${topic}/double`, careful))).toBe(8);
    const text = 'å'.repeat(50_000);
    expect(await lastValueFrom(client.send(`${topic}/echo`, text))).toBe(text);
  },
};

export const streams: Feature = {
  name: 'requests with a stream of answers',
  run: async (scene) => {
    await using _service = await scene.startService({ controllers: [calculator(scene.topic)] });
    await using client = await scene.startClient();
    const answers = client.send<number>(`${scene.topic}/count`, NUMBERS.length).pipe(toArray());
    expect(await lastValueFrom(answers)).toEqual(NUMBERS);
  },
};

export const requestErrors: Feature = {
  name: 'errors of requests',
  run: async (scene) => {
    const { topic } = scene;
    await using _service = await scene.startService({ controllers: [calculator(topic)] });
    await using client = await scene.startClient();
    const refused = await outcomeOf(client.send(`${topic}/refuse`, {}));
    expect(refused).toBeInstanceOf(RemoteError);
    expect(refused).toMatchObject({ error: { reason: 'too hot' } });
    const crashed = await outcomeOf(client.send(`${topic}/crash`, {}));
    expect(crashed).toMatchObject({ error: { status: 'error', message: 'Internal server error' } });
  },
};

function calculator(topic: string): Type {
  @Controller()
  class CalculatorController {
    @MqttMessagePattern(`${topic}/double`, { qos: 1 })
    double(@Payload() number: number): number {
      return 2 * number;
    }

    @MqttMessagePattern(`${topic}/echo`, { qos: 1 })
    echo(@Payload() data: unknown): unknown {
      return data;
    }

    @MqttMessagePattern(`${topic}/count`)
    count(@Payload() count: number): Observable<number> {
      return from(NUMBERS.slice(0, count));
    }

    @MqttMessagePattern(`${topic}/refuse`)
    refuse(): never {
      throw new RpcException({ reason: 'too hot' });
    }

    @MqttMessagePattern(`${topic}/crash`)
    crash(): never {
      throw new Error('a secret');
    }
  }
  return CalculatorController;
}
