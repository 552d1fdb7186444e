import { Controller, ParseFloatPipe, UseInterceptors } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { bytesCodec, MqttEventPattern, textCodec, TopicParam } from 'nestjs-mqtt';
import { DEAD_LETTERS } from './dead-letters.js';
import { FlowInterceptor } from './flow.interceptor.js';
import { Readings } from './readings.js';
import { WaveFramePipe, type Waves } from './wave-frame.js';
import { WindSentencePipe, type Wind } from './wind-sentence.js';

/** What devices measure, in whatever form they publish it. */
@Controller()
@UseInterceptors(FlowInterceptor)
export class TelemetryController {
  constructor(private readonly readings: Readings) {}

  /** JSON is recognised. Of QoS 0 messages that wait for too long the oldest are dropped. */
  @MqttEventPattern('harbour/{device}/position')
  async onPosition(
    @Payload() { knots }: { readonly knots?: number },
    @TopicParam('device') device: string,
  ): Promise<void> {
    if (knots !== undefined) await this.readings.add(device, 'speed', knots, 'kn');
  }

  /** Bytes. A frame that is damaged becomes a dead letter at once. */
  @MqttEventPattern('harbour/{device}/waves', { qos: 1, codec: bytesCodec, deadLetter: DEAD_LETTERS })
  async onWaves(
    @Payload(WaveFramePipe) { metres, celsius }: Waves,
    @TopicParam('device') device: string,
  ): Promise<void> {
    await this.readings.add(device, 'waves', metres, 'm');
    await this.readings.add(device, 'water', celsius, '°C');
  }

  /** Text, even where it looks like something else. */
  @MqttEventPattern('harbour/{device}/wind', { codec: textCodec })
  async onWind(
    @Payload(WindSentencePipe) { degrees, metresPerSecond }: Wind,
    @TopicParam('device') device: string,
  ): Promise<void> {
    await this.readings.add(device, 'wind', metresPerSecond, 'm/s');
    await this.readings.add(device, 'direction', degrees, '°');
  }

  @MqttEventPattern('harbour/{device}/level', { codec: textCodec })
  async onLevel(
    @Payload(ParseFloatPipe) metres: number,
    @TopicParam('device') device: string,
  ): Promise<void> {
    await this.readings.add(device, 'level', metres, 'm');
  }
}
