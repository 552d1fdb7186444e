/** As MQTT.js numbers them: 4 is MQTT 3.1.1. */
export interface MqttVersion {
  readonly name: '3.1.1' | '5';
  readonly protocolVersion: 4 | 5;
}

const VERSIONS: readonly MqttVersion[] = [
  { name: '3.1.1', protocolVersion: 4 },
  { name: '5', protocolVersion: 5 },
];

/** One of them, or all. */
export function chosenVersions(choice: string | undefined): readonly MqttVersion[] {
  const chosen = VERSIONS.filter(({ name }) => choice === undefined || choice === name);
  if (chosen.length === 0)
    throw new Error(`MQTT ${choice} is none of ${VERSIONS.map(({ name }) => name).join(', ')}`);
  return chosen;
}
