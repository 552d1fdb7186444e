import type { LoggerService } from '@nestjs/common';
import { printable, PublishError } from '../../errors.js';
import type { KeptMessage } from './outbox.js';
import type { OutgoingMessage } from './outgoing-message.js';

/** A message of a process before: nobody waits for what becomes of it, so that the log has to tell if it is lost. */
export function restoreMessage({ number, packet }: KeptMessage, logger: LoggerService): OutgoingMessage {
  const { topic, payload, qos, retain, dup, properties } = packet;
  return {
    topic,
    payload,
    options: { qos, retain, dup, properties },
    number,
    resolve: () => undefined,
    reject: (error) => {
      if (error instanceof PublishError) logger.error(printable(`Of the outbox: ${error.message}`));
    },
  };
}
