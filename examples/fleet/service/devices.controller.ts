import {
  BadRequestException,
  Body,
  Controller,
  GatewayTimeoutException,
  HttpCode,
  Inject,
  Param,
  Post,
} from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import { MqttRecordBuilder, NoRespondersError, RequestTimeoutError } from 'nestjs-mqtt';
import { firstValueFrom } from 'rxjs';
import { MQTT } from './mqtt.js';

export interface Answer {
  readonly answer: unknown;
  /** From the request to the answer of the device. */
  readonly roundTripMs: number;
}

const TIMEOUT_MS = 2000;

/** HTTP on one side, requests to devices on the other. */
@Controller('devices')
export class DevicesController {
  constructor(@Inject(MQTT) private readonly client: ClientProxy) {}

  @Post(':device/commands')
  @HttpCode(200)
  async command(
    @Param('device') device: string,
    @Body() { command }: { readonly command?: unknown },
  ): Promise<Answer> {
    if (typeof command !== 'string' || !/^[a-z]+$/.test(device)) throw new BadRequestException();
    const record = new MqttRecordBuilder(command).setQoS(1).setTimeoutMs(TIMEOUT_MS).build();
    const begin = performance.now();
    try {
      const answer: unknown = await firstValueFrom(this.client.send(`harbour/${device}/commands`, record));
      return { answer, roundTripMs: performance.now() - begin };
    } catch (error) {
      if (error instanceof RequestTimeoutError || error instanceof NoRespondersError)
        throw new GatewayTimeoutException(error.message);
      throw error;
    }
  }
}
