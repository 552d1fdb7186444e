/**
 * Section 4.7 of the standard, sentence by sentence and as slow as it reads: whether a Topic Filter, without
 * `$share/group`, matches a Topic Name.
 */
export function naiveMatch(filter: string, topic: string): boolean {
  // "MUST NOT match Topic Filters starting with a wildcard character (# or +) with Topic Names beginning with a $"
  if (/^[+#]/.test(filter) && topic.startsWith('$')) return false; // [MQTT-4.7.2-1]
  return matchLevels(filter.split('/'), topic.split('/'));
}

function matchLevels([wanted, ...filter]: readonly string[], [level, ...topic]: readonly string[]): boolean {
  // "represents the parent and any number of child levels"
  if (wanted === '#') return true;
  if (wanted === undefined || level === undefined) return wanted === level;
  // "matches only one topic level"; "each non-wildcarded level has to match character for character"
  return (wanted === '+' || wanted === level) && matchLevels(filter, topic);
}
