import type { ServiceSettings } from './service.js';

export interface Pattern {
  readonly pattern: string;
  /** Whether it is the one that messages come for. */
  readonly measured: boolean;
}

/** @param level a wildcard for one level */
export function patternsOf({ prefix, otherHandlers }: ServiceSettings, level: string): readonly Pattern[] {
  const patterns = Array.from({ length: otherHandlers }, (_, index) => ({
    pattern: `other/${index}/${level}`,
    measured: false,
  }));
  return patterns.toSpliced(otherHandlers / 2, 0, { pattern: `${prefix}/${level}/reading`, measured: true });
}
