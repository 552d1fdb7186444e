import type { PublishProperties } from './mqtt-record.js';

export type UserProperties = Readonly<NonNullable<PublishProperties['userProperties']>>;

/** Whether it can hold User Properties, which nobody but the compiler has said. */
export function isUserProperties(value: unknown): value is UserProperties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The later ones take precedence. What are no User Properties stay as they are: the publish is refused over them. */
export function mergeUserProperties(
  ...given: readonly (UserProperties | undefined)[]
): UserProperties | undefined {
  let merged: UserProperties | undefined;
  for (const properties of given) {
    if (properties === undefined) continue;
    if (!isUserProperties(properties)) return properties;
    merged = { ...merged, ...properties };
  }
  return merged;
}
