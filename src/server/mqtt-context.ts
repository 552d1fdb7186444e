import { MqttContext as NestMqttContext } from '@nestjs/microservices';
import type { IPublishPacket, QoS } from 'mqtt-packet';
import type { PublishProperties } from '../message/mqtt-record.js';
import type { TopicParams } from '../topic/topic-filter.js';

/** What a context knows beside the packet. */
export interface MqttContextSource {
  /** Names the captured levels of the topic. */
  readonly filter?: { capture(topic: string): TopicParams } | undefined;
  /** What a client's dispatch hook attached, where it came in a request envelope. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** The message that a handler runs for; extends Nest's, so that code typed with that one works. */
export class MqttContext extends NestMqttContext {
  readonly #source: MqttContextSource;
  #params: TopicParams | undefined;

  constructor(args: [topic: string, packet: IPublishPacket], source: MqttContextSource = {}) {
    super(args);
    this.#source = source;
  }

  /** The Topic Name. */
  get topic(): string {
    return this.args[0];
  }

  /** MQTT.js's PUBLISH. */
  get packet(): IPublishPacket {
    return this.args[1] as IPublishPacket;
  }

  /** The levels of the topic that the handler's pattern names. */
  get params(): TopicParams {
    return (this.#params ??= this.#source.filter?.capture(this.topic) ?? {});
  }

  /** The QoS of this delivery: the lower one of the publisher's and the subscription's. */
  get qos(): QoS {
    return this.packet.qos;
  }

  /** Whether the broker had kept the message; with `retainAsPublished`, whether it was published to be kept. */
  get retain(): boolean {
    return this.packet.retain;
  }

  /** The properties of an MQTT 5 message, empty on 3.1.1. */
  get properties(): PublishProperties {
    return this.packet.properties ?? {};
  }

  /** A property that was sent several times is an array. */
  get userProperties(): Readonly<Record<string, string | string[]>> {
    return this.properties.userProperties ?? {};
  }

  /** Seconds that the message had left to live when it was delivered; `undefined` if it does not expire. */
  get remainingExpirySeconds(): number | undefined {
    return this.properties.messageExpiryInterval;
  }

  /**
   * What the client's `setOnDispatchHook` attached: User Properties on MQTT 5, part of a request's envelope on 3.1.1
   * (an event has none there).
   */
  getMetadata(): Readonly<Record<string, string | string[]>> {
    return this.#source.metadata ?? this.userProperties;
  }
}
