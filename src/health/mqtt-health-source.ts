import { collectHealth, type ConnectionHealth, type ServerHealth } from '../index.js';

/** How a source is; who does not listen to anything has no `listening`. */
export type SourceHealth = ConnectionHealth & Partial<Pick<ServerHealth, 'listening'>>;

/** Who is asked how it is: a `ServerMqtt`, a `ClientMqtt` or an `MqttConnection`. */
export interface MqttHealthSource {
  health(): SourceHealth;
}

/** Without any, all open servers and clients of the process are asked. */
export function healthOf(sources: readonly MqttHealthSource[]): readonly SourceHealth[] {
  if (sources.length > 0) return sources.map((source) => source.health());
  return collectHealth().map(({ health }) => health);
}
