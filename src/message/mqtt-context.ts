import { MqttContext as NestMqttContext } from '@nestjs/microservices';
import type { IPublishPacket, QoS } from 'mqtt-packet';
import { ACKNOWLEDGE, UNSPECIFIED_ERROR, WITHHOLD, type Decision } from './decision.js';
import type { PublishProperties } from './mqtt-record.js';
import type { TopicParams } from '../topic/topic-filter.js';

/** What a context knows beside the packet. */
export interface MqttContextSource {
  /** Names the captured levels of the topic. */
  readonly filter?: { capture(topic: string): TopicParams } | undefined;
  /** What a client's dispatch hook attached, where it came in a request envelope. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Takes the handler's decision. */
  readonly decide?: ((decision: Decision) => void) | undefined;
  /** Default 1. */
  readonly attempt?: number | undefined;
  /** Whose signal it is. Default: one that never aborts. */
  readonly lifetime?: { readonly signal: AbortSignal } | undefined;
}

/** The Reason Codes that a PUBACK or PUBREC may have to refuse a message: sections 3.4.2.1 and 3.5.2.1. */
const REFUSALS: ReadonlySet<number> = new Set([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);

/** The message that a handler runs for; extends Nest's, so that code typed with that one works. */
export class MqttContext extends NestMqttContext {
  readonly #source: MqttContextSource;
  #params: TopicParams | undefined;
  #signal: AbortSignal | undefined;

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

  /** A property that was sent several times is an array; one named `__proto__` is left out. */
  get userProperties(): Readonly<Record<string, string | string[]>> {
    return this.properties.userProperties ?? {};
  }

  /** Seconds that the message had left to live when it was delivered; `undefined` if it does not expire. */
  get remainingExpirySeconds(): number | undefined {
    return this.properties.messageExpiryInterval;
  }

  /** Which run of the handler this is, from 1: see the option `retry`. */
  get attempt(): number {
    return this.#source.attempt ?? 1;
  }

  /**
   * Aborts when there is no sense in going on: the requester's time is up (its reason is a {@link RequestTimeoutError} then) or it
   * has unsubscribed, or the server closes and has waited for `drainTimeoutMs`. To pass on to `fetch`, timers and the like.
   */
  get signal(): AbortSignal {
    return (this.#signal ??= this.#source.lifetime?.signal ?? new AbortController().signal);
  }

  /**
   * Acknowledges a QoS 1 or QoS 2 message, as far as this handler is concerned. The first call of this one, `reject()` or
   * `withhold()` counts, over what the end of the handler would bring. With `ack: 'manual'` there must be one.
   */
  acknowledge(): void {
    this.#source.decide?.(ACKNOWLEDGE);
  }

  /**
   * Tells an MQTT 5 broker that the message is refused, which lets it go: MQTT has no way to ask for it again. On 3.1.1 it is
   * acknowledged.
   * @param reasonCode 0x80 (unspecified, the default), 0x83, 0x87, 0x90, 0x91, 0x97 or 0x99
   */
  reject(reasonCode = UNSPECIFIED_ERROR): void {
    if (!REFUSALS.has(reasonCode))
      throw new RangeError(`0x${reasonCode.toString(16)} cannot refuse a message`);
    this.#source.decide?.({ kind: 'reject', reasonCode });
  }

  /** Leaves the message unacknowledged: a broker that keeps the session delivers it again on the next connection. */
  withhold(): void {
    this.#source.decide?.(WITHHOLD);
  }

  /**
   * What the client's `setOnDispatchHook` attached: User Properties on MQTT 5, part of a request's envelope on 3.1.1
   * (an event has none there).
   */
  getMetadata(): Readonly<Record<string, string | string[]>> {
    return this.#source.metadata ?? this.userProperties;
  }
}
