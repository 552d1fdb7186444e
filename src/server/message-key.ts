import { ConfigurationError } from '../errors.js';
import type { TopicFilter } from '../topic/topic-filter.js';
import type { MessageOrder } from './handler-options.js';
import type { MqttContext } from '../message/mqtt-context.js';

/** Messages with the same key are handled one after the other; those without one in parallel. */
export type MessageKey = (context: MqttContext) => string | undefined;

/** Known to the dispatcher, which then needs no context. */
export const BY_TOPIC: MessageKey = ({ topic }) => topic;

const NAMED_LEVEL = /^\{([^{}*]+)\*?\}$/;

/** @throws {ConfigurationError} if the order names a level that the filter does not have */
export function toMessageKey(order: MessageOrder, filter: TopicFilter): MessageKey | undefined {
  if (typeof order === 'function') return order;
  if (order === 'none') return undefined;
  if (order === 'topic') return BY_TOPIC;
  const name = NAMED_LEVEL.exec(order)?.[1];
  if (name !== undefined && filter.names.includes(name)) return ({ params }) => params[name] ?? '';
  throw new ConfigurationError(
    `order must be "topic", "none", a function or a named level, not ${JSON.stringify(order)}`,
  );
}
