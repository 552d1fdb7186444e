import type { LoggerService } from '@nestjs/common';
import { printable } from '../../errors.js';
import { UNSPECIFIED_ERROR } from '../../message/decision.js';
import type { InboundMessage } from '../../message/inbound-message.js';
import type { PublishProperties } from '../../message/mqtt-record.js';

/**
 * Takes the PUBLISHes whose properties are none: what is cut MQTT.js reads as `null`, `false` or -1, and what comes twice, which is
 * a Protocol Error, as a list. They are rejected, with one line at all: brokers pass on what a publisher sent twice, and would
 * deliver it again on the next connection.
 */
export class MalformedPublishes {
  readonly #logger: LoggerService;
  #reported = false;

  constructor(logger: LoggerService) {
    this.#logger = logger;
  }

  /** Whether the message was malformed, and nobody is to see it. */
  take({ topic, packet, settle }: InboundMessage): boolean {
    const wrong = packet.properties && wrongProperty(packet.properties);
    if (wrong === undefined) return false;
    settle({ kind: 'reject', reasonCode: UNSPECIFIED_ERROR });
    if (this.#reported) return true;
    this.#reported = true;
    this.#logger.warn(
      printable(
        `Rejected a message on ${JSON.stringify(topic)}: its ${wrong} is malformed; others are not reported`,
      ),
    );
    return true;
  }
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number' && value >= 0;

const CHECKS: Readonly<Record<string, Check>> = {
  payloadFormatIndicator: (value) => typeof value === 'boolean',
  messageExpiryInterval: isNumber,
  topicAlias: isNumber,
  responseTopic: isText,
  correlationData: (value) => Buffer.isBuffer(value),
  contentType: isText,
  subscriptionIdentifier: isOneOrMore(isNumber),
  userProperties: (value) => Object.values(value as object).every(isOneOrMore(isText)),
};

function wrongProperty(properties: PublishProperties): string | undefined {
  for (const [name, value] of Object.entries(properties)) if (CHECKS[name]?.(value) === false) return name;
  return undefined;
}

function isOneOrMore(check: Check): Check {
  return (value) => (Array.isArray(value) ? value.every(check) : check(value));
}
