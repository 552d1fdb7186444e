/**
 * Whether every topic that `other` matches is matched by `filter` too; a Topic Name matches itself only. Named levels count
 * as the wildcards that they stand for, and a `$share/group/` in front does not count.
 */
export function covers(filter: string, other: string): boolean {
  const [levels, otherLevels] = [toLevels(filter), toLevels(other)];
  if (/^[+#]/.test(levels[0]!) && otherLevels[0]!.startsWith('$')) return false; // [MQTT-4.7.2-1]
  for (const [index, level] of levels.entries()) {
    const covered = otherLevels[index];
    if (level === '#') return true;
    if (covered === undefined || covered === '#') return false;
    if (level !== '+' && level !== covered) return false;
  }
  return levels.length === otherLevels.length;
}

function toLevels(filter: string): string[] {
  return filter
    .replace(/^\$share\/[^/]+\//, '')
    .replaceAll(/(?<=^|\/)\{[A-Za-z_][\w-]*\}(?=\/|$)/g, '+')
    .replace(/(?<=^|\/)\{[A-Za-z_][\w-]*\*\}$/, '#')
    .split('/');
}
