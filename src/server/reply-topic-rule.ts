import { ConfigurationError, describeError } from '../errors.js';
import { TopicFilter } from '../topic/topic-filter.js';
import { TopicTrie } from '../topic/topic-trie.js';
import type { ServerMqttOptions } from './server-options.js';

const MAX_LENGTH = 1024;
/** What MQTT.js reads where bytes are no UTF-8: the topic that was meant is another one. */
const REPLACEMENT_CHARACTER = '\ufffd';

/**
 * Says why a valid topic is none that replies are published to; `undefined` if it is one.
 * @throws {ConfigurationError} if an option is wrong
 */
export function replyTopicRule({
  allowResponseTopic,
  maxResponseTopicLength = MAX_LENGTH,
}: ServerMqttOptions): (topic: string) => string | undefined {
  if (!(maxResponseTopicLength >= 1))
    throw new ConfigurationError(`maxResponseTopicLength must be 1 or more, not ${maxResponseTopicLength}`);
  const isAllowed = toPredicate(allowResponseTopic);
  return (topic) => {
    if (Buffer.byteLength(topic) > maxResponseTopicLength)
      return `it is longer than the ${maxResponseTopicLength} bytes of maxResponseTopicLength`;
    if (topic.includes(REPLACEMENT_CHARACTER)) return 'it is not well-formed UTF-8 [MQTT-1.5.4-1]';
    return refusal(isAllowed, topic);
  };
}

/** A function that does not expect the topic of a stranger may throw. */
function refusal(isAllowed: (topic: string) => boolean, topic: string): string | undefined {
  try {
    return isAllowed(topic) ? undefined : 'allowResponseTopic does not allow it';
  } catch (error) {
    return `allowResponseTopic failed: ${describeError(error)}`;
  }
}

function toPredicate(allowed: ServerMqttOptions['allowResponseTopic']): (topic: string) => boolean {
  if (allowed === undefined) return () => true;
  if (typeof allowed === 'function') return allowed;
  const trie = new TopicTrie<true>();
  for (const filter of [allowed].flat()) trie.add(parse(filter).levels, true);
  return (topic) => trie.match(topic).length > 0;
}

function parse(filter: string): TopicFilter {
  try {
    return TopicFilter.parse(filter);
  } catch (cause) {
    throw new ConfigurationError(`allowResponseTopic: ${(cause as Error).message}`, { cause });
  }
}
