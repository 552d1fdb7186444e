import { collectHealth, type ConnectionHealth } from '../index.js';

/** Who is asked how it is: a `ServerMqtt`, a `ClientMqtt` or an `MqttConnection`. */
export interface MqttHealthSource {
  health(): ConnectionHealth;
}

/** Without any, all open servers and clients of the process are asked. */
export function healthOf(sources: readonly MqttHealthSource[]): readonly ConnectionHealth[] {
  if (sources.length > 0) return sources.map((source) => source.health());
  return collectHealth().map(({ health }) => health);
}
