import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { bytesCodec, MqttContext, MqttEventPattern, textCodec, Topic, TopicParam } from 'nestjs-mqtt';
import { Subject } from 'rxjs';

/** What devices publish, in whatever form they do. */
@Controller()
export class DevicesController {
  readonly offline = new Subject<string>();

  /** Named levels; JSON arrives parsed. */
  @MqttEventPattern('plants/{plant}/valves/{valve}/flow')
  onFlow(
    @Payload() { litres }: { readonly litres: number },
    @TopicParam('plant') plant: string,
    @TopicParam('valve') valve: string,
  ): void {
    console.log(`flow     valve ${valve} of ${plant}: ${litres} l`);
  }

  /** Another handler for the same message, with MQTT's own wildcards: every one that matches runs. */
  @MqttEventPattern('plants/+/valves/#')
  audit(@Topic() topic: string): void {
    console.log(`audit    ${topic}`);
  }

  /** With `textCodec` a payload such as "42" or "true" stays a string. */
  @MqttEventPattern('plants/{plant}/display', { codec: textCodec })
  onText(@Payload() text: string, @TopicParam('plant') plant: string): void {
    console.log(`display  ${plant}: "${text}"`);
  }

  /** With `bytesCodec` bytes stay bytes: here a temperature in hundredths of a degree. */
  @MqttEventPattern('plants/{plant}/thermometers/{path*}', { codec: bytesCodec })
  onBytes(@Payload() bytes: Buffer, @TopicParam('path') path: string): void {
    console.log(`bytes    ${path}: ${bytes.readInt16BE() / 100} °C`);
  }

  /** Retained, and the Will of a device: the broker publishes it when the device is lost. */
  @MqttEventPattern('plants/{plant}/status', { codec: textCodec })
  onStatus(@Payload() status: string, @Ctx() { params, retain }: MqttContext): void {
    console.log(`status   ${params.plant} is ${status}${retain ? ' (retained)' : ''}`);
    if (status === 'offline') this.offline.next(params.plant!);
  }
}
