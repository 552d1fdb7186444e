import type { LoggerService } from '@nestjs/common';
import type { IPublishPacket, Packet } from 'mqtt-packet';
import type { MqttClient } from 'mqtt';
import { ACKNOWLEDGE, type Decision } from '../../message/decision.js';
import type { InboundMessage } from '../../message/inbound-message.js';
import { AcknowledgementLine } from './acknowledgement-line.js';
import { MalformedPublishes } from './malformed-publishes.js';

/**
 * Takes the acknowledgement of QoS 1 and QoS 2 messages over from MQTT.js, which acknowledges before they are
 * handled. It emits `packetreceive` before it looks at a packet; a PUBLISH that is made QoS 0 there is delivered, and
 * acknowledged by us. PUBREL it answers by itself.
 *
 * What is unanswered is known by its Packet Identifier, for as long as the session lasts: a message that comes again while
 * it is handled, when it was handled but the connection lost before its acknowledgement, or between its PUBREC and the
 * PUBREL [MQTT-4.3.3-10], is no other message.
 */
export class InboundPublishes {
  /** By Packet Identifier. No `Map`: the old tables of one whose entries come and go outlive them, which the profile shows. */
  readonly #exchanges: (Exchange | undefined)[] = [];
  readonly #malformed: MalformedPublishes;
  #line: AcknowledgementLine<Exchange> | undefined;
  #takenQos: 0 | 1 | 2 = 0;

  constructor(logger: LoggerService) {
    this.#malformed = new MalformedPublishes(logger);
  }

  /** For each packet, before MQTT.js looks at it. */
  onPacket(packet: Packet): void {
    if (packet.cmd === 'publish') this.#takeOver(packet);
    else if (packet.cmd === 'pubrel') this.#exchanges[packet.messageId!] = undefined;
    else if (packet.cmd === 'connack' && !packet.sessionPresent) this.#exchanges.length = 0;
  }

  /** The message of a packet that MQTT.js delivers; `undefined` if it is one that has come before, or is malformed. */
  receive(
    client: MqttClient,
    topic: string,
    payload: Buffer,
    packet: IPublishPacket,
  ): InboundMessage | undefined {
    const message = this.#toMessage(client, topic, payload, packet);
    return message !== undefined && this.#malformed.take(message) ? undefined : message;
  }

  /** Writes what is decided, before a DISCONNECT. */
  flush(): void {
    this.#line?.flush();
  }

  /** Nothing may follow a DISCONNECT [MQTT-3.14.4-1]. */
  end(): void {
    this.#line?.close();
  }

  #takeOver(packet: IPublishPacket): void {
    const userProperties = packet.properties?.userProperties;
    // a careless merge would reach the prototype with it: the JSON codec leaves it out, too
    if (userProperties !== undefined) Reflect.deleteProperty(userProperties, '__proto__');
    this.#takenQos = packet.qos;
    packet.qos = 0;
  }

  #toMessage(
    client: MqttClient,
    topic: string,
    payload: Buffer,
    packet: IPublishPacket,
  ): InboundMessage | undefined {
    const qos = this.#takenQos;
    this.#takenQos = 0;
    if (qos === 0) return { topic, payload, packet, settle: ignore };
    packet.qos = qos;
    if (!(packet.messageId! > 0)) {
      client.stream.destroy(
        new Error(`A QoS ${qos} message came without a Packet Identifier [MQTT-2.2.1-3]`),
      );
      return undefined;
    }
    const line = this.#lineOf(client);
    const known = this.#exchanges[packet.messageId!];
    if (known?.isSame(qos, topic, payload)) {
      known.enter(line);
      return undefined;
    }
    const exchange = new Exchange(packet, qos, topic, payload, this.#exchanges);
    exchange.enter(line);
    const hasReasonCodes = client.options.protocolVersion === 5;
    const settle = (decision: Decision) =>
      exchange.settle(decision.kind === 'reject' && !hasReasonCodes ? ACKNOWLEDGE : decision);
    return { topic, payload, packet, settle };
  }

  /** Each network connection has a line of its own, which ends with it. */
  #lineOf({ stream, options }: MqttClient): AcknowledgementLine<Exchange> {
    if (this.#line?.stream === stream) return this.#line;
    const line = new AcknowledgementLine<Exchange>(stream, options.protocolVersion ?? 4, (exchange) =>
      exchange.onWrite(),
    );
    if (stream.destroyed) line.close();
    else stream.once('close', () => line.close());
    return (this.#line = line);
  }
}

/** A QoS 1 or QoS 2 message until the session no longer knows its Packet Identifier. */
class Exchange {
  readonly messageId: number;
  readonly qos: 1 | 2;
  readonly #topic: string;
  readonly #payload: Buffer;
  readonly #exchanges: (Exchange | undefined)[];
  #decision: Decision | undefined;
  #line: AcknowledgementLine<Exchange> | undefined;

  constructor(
    packet: IPublishPacket,
    qos: 1 | 2,
    topic: string,
    payload: Buffer,
    exchanges: (Exchange | undefined)[],
  ) {
    this.messageId = packet.messageId!;
    this.qos = qos;
    this.#topic = topic;
    this.#payload = payload;
    this.#exchanges = exchanges;
    exchanges[this.messageId] = this;
  }

  get decision(): Decision | undefined {
    return this.#decision;
  }

  /** A broker that numbers its messages anew must not make us drop one. */
  isSame(qos: number, topic: string, payload: Buffer): boolean {
    return qos === this.qos && topic === this.#topic && payload.equals(this.#payload);
  }

  /** Has to be answered on this connection: a new one, or the same one once more after a PUBREC. */
  enter(line: AcknowledgementLine<Exchange>): void {
    if (this.#line === line) return;
    this.#line = line;
    line.enter(this);
  }

  settle(decision: Decision): void {
    if (this.#decision !== undefined) return;
    this.#decision = decision;
    if (decision.kind === 'withhold') this.#forget();
    this.#line?.advance();
  }

  /** The broker may send a QoS 2 message again until its PUBREL, unless it was rejected. */
  onWrite(): void {
    this.#line = undefined;
    if (this.qos === 1 || this.#decision?.kind === 'reject') this.#forget();
  }

  #forget(): void {
    if (this.#exchanges[this.messageId] === this) this.#exchanges[this.messageId] = undefined;
  }
}

function ignore(): void {}
