import { ConfigurationError } from '../errors.js';

const VARIABLE = /\$\{([^{}]*)\}/g;

/**
 * Puts the values of an application's configuration in the place of `${name}` in a pattern.
 * @throws {ConfigurationError} if one has no value
 */
export function fillVariables(pattern: unknown, variables: Readonly<Record<string, string>> = {}): unknown {
  if (typeof pattern !== 'string') return pattern;
  return pattern.replaceAll(VARIABLE, (_, name: string) => {
    if (Object.hasOwn(variables, name)) return variables[name]!;
    const known = Object.keys(variables).join(', ') || 'none';
    throw new ConfigurationError(`"\${${name}}" has no value in topicVariables, which has ${known}`);
  });
}
