import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { bytesCodec, MqttEventPattern, textCodec, Topic, TopicParam, type TopicParams } from 'nestjs-mqtt';
import { Journal } from '../journal.js';
import { scoped } from '../scoped.js';
import type { Reading } from './reading.js';

/** Events: what devices publish, in whatever form they do. */
@Controller()
export class TelemetryController {
  constructor(private readonly journal: Journal) {}

  /** Named levels. JSON is recognised. */
  @MqttEventPattern(scoped('sites/{site}/meters/{meter}/reading'))
  onReading(
    @Payload() { wh }: Reading,
    @TopicParam('site') site: string,
    @TopicParam('meter') meter: string,
    @Topic() topic: string,
  ): void {
    this.journal.note('service', 'reading', topic, `${wh} Wh from meter ${meter} in ${site}`);
  }

  /** MQTT's own wildcards. This codec reads text, even if it looks like JSON. */
  @MqttEventPattern(scoped('sites/+/alarms/#'), { codec: textCodec })
  onAlarm(@Payload() text: string, @Topic() topic: string): void {
    this.journal.note('service', 'alarm', topic, text);
  }

  /** This one hands on the bytes as they are. */
  @MqttEventPattern(scoped('sites/{site}/cameras/{camera}/image'), { codec: bytesCodec })
  onImage(@Payload() jpeg: Buffer, @TopicParam() { camera }: TopicParams, @Topic() topic: string): void {
    this.journal.note('service', 'image', topic, `${jpeg.length} bytes from camera ${camera}`);
  }
}
