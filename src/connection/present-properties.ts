import type { PublishProperties } from '../message/mqtt-record.js';

/** MQTT.js takes a property that is `undefined`, and User Properties that are empty, for a value. */
export function presentProperties(properties: PublishProperties = {}): PublishProperties | undefined {
  let present: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || isEmptyBag(name, value)) continue;
    present ??= {};
    present[name] = value;
  }
  return present;
}

function isEmptyBag(name: string, value: unknown): boolean {
  return name === 'userProperties' && Object.keys(value as object).length === 0;
}
