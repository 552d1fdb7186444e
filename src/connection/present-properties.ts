import type { PublishProperties } from '../message/mqtt-record.js';

/** MQTT.js takes a property that is `undefined`, and User Properties that are empty, for a value. */
export function presentProperties(properties: PublishProperties = {}): PublishProperties | undefined {
  const present = Object.entries(properties).filter(
    ([name, value]) => value !== undefined && !isEmptyBag(name, value),
  );
  return present.length > 0 ? Object.fromEntries(present) : undefined;
}

function isEmptyBag(name: string, value: unknown): boolean {
  return name === 'userProperties' && Object.keys(value as object).length === 0;
}
