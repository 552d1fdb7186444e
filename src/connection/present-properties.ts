import type { PublishProperties } from '../message/mqtt-record.js';

/** MQTT.js takes a property that is `undefined` for a value, and writes nothing of a message whose User Properties have no values. */
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
  return name === 'userProperties' && Object.values(value ?? {}).every(isEmptyList);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
