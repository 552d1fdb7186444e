import { Controller, type Type } from '@nestjs/common';
import { Ctx, Payload, RpcException } from '@nestjs/microservices';
import { type MqttContext, MqttEventPattern, MqttMessagePattern } from 'nestjs-mqtt';
import { interval, type Observable } from 'rxjs';
import type { Tally } from './tally.js';

const TICK_MS = 2;

/** The handlers of a service whose topics begin with `prefix`. */
export function createSoakController(prefix: string, tally: Tally): Type {
  const withheld = new Set<string>();

  @Controller()
  class SoakController {
    @MqttEventPattern(`${prefix}/up/fine/+`, { qos: 2 })
    onEvent(): void {
      tally.add('events handled');
    }

    @MqttEventPattern(`${prefix}/up/broken/+`, {
      qos: 2,
      retry: { attempts: 2, delayMs: 5 },
      deadLetter: `${prefix}/dead-letters`,
    })
    onBroken(@Ctx() { attempt }: MqttContext): never {
      if (attempt === 2) tally.add('dead letters');
      throw new RpcException('broken');
    }

    /** A message is withheld when it comes first, and comes again with the next connection. */
    @MqttEventPattern(`${prefix}/up/withheld`, { qos: 2 })
    onWithheld(@Payload() message: string, @Ctx() context: MqttContext): void {
      if (withheld.delete(message)) return;
      withheld.add(message);
      context.withhold();
      tally.add('withheld');
    }

    @MqttMessagePattern(`${prefix}/sum`)
    sum(@Payload() numbers: readonly number[]): number {
      return numbers.reduce((total, number) => total + number, 0);
    }

    @MqttMessagePattern(`${prefix}/broken`)
    broken(): never {
      throw new RpcException('broken');
    }

    @MqttMessagePattern(`${prefix}/ticks`)
    ticks(): Observable<number> {
      return interval(TICK_MS);
    }

    /** Ends when nobody waits any more. */
    @MqttMessagePattern(`${prefix}/never`)
    never(@Ctx() { signal }: MqttContext): Promise<void> {
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
  return SoakController;
}
