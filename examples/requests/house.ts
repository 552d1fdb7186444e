import { Inject, Injectable, Module } from '@nestjs/common';
import { ClientsModule, type ClientProxy } from '@nestjs/microservices';
import { ClientMqtt, RemoteError, type ClientMqttOptions } from 'nestjs-mqtt';
import { catchError, EMPTY, lastValueFrom, tap } from 'rxjs';

/** A provider that asks: `send` is an Observable of the answers. */
@Injectable()
export class House {
  constructor(@Inject('MQTT') private readonly client: ClientProxy) {}

  floor(lift: string): Promise<number> {
    return lastValueFrom(this.client.send<number>(`lifts/${lift}/floor`, {}));
  }

  async ride(lift: string, floor: number): Promise<void> {
    const ride = this.client.send<number>(`lifts/${lift}/go`, { floor }).pipe(
      tap((passed) => console.log(`lift ${lift}: floor ${passed}`)),
      catchError((error: unknown) => {
        if (!(error instanceof RemoteError)) throw error; // the broker's failure, or ours
        console.log(`lift ${lift} refuses: ${error.message}`);
        return EMPTY;
      }),
    );
    await lastValueFrom(ride, { defaultValue: undefined });
  }

  /** Whoever speaks MQTT 5 can answer: here a lamp, which knows nothing of Nest. */
  light(lamp: string, state: string): Promise<string> {
    return lastValueFrom(this.client.send<string>(`lamps/${lamp}/switch`, state));
  }
}

const options = { url: process.env.MQTT_URL, protocolVersion: 5 } satisfies ClientMqttOptions;

@Module({
  imports: [ClientsModule.register([{ name: 'MQTT', customClass: ClientMqtt, options }])],
  providers: [House],
})
export class HouseModule {}
