const MAX_BYTES = 65_535;
const CONTROL_CHARACTERS =
  'it must not contain control characters: brokers close the connection over them (section 1.5.4)';

/**
 * Says which rule of the standard a Topic Name (the concrete topic of a PUBLISH) breaks; `undefined` if it is valid.
 * @see https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901241
 */
export function topicNameProblem(topic: string): string | undefined {
  if (topic.includes('+') || topic.includes('#')) return 'a Topic Name has no wildcards [MQTT-4.7.0-1]';
  // oxlint-disable-next-line no-control-regex
  if (/[\u0001-\u001f\u007f-\u009f]/.test(topic)) return CONTROL_CHARACTERS;
  return topicStringProblem(topic);
}

/** What Topic Names and Topic Filters have in common. */
export function topicStringProblem(topic: string): string | undefined {
  if (topic === '') return 'it must be at least one character long [MQTT-4.7.3-1]';
  if (topic.includes('\0')) return 'it must not contain the null character [MQTT-4.7.3-2]';
  if (Buffer.byteLength(topic) > MAX_BYTES)
    return `it must not be longer than ${MAX_BYTES} bytes [MQTT-4.7.3-3]`;
  if (!topic.isWellFormed()) return 'it must be well-formed UTF-8 [MQTT-1.5.4-1]';
  return undefined;
}
