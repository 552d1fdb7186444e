import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import type { QoS } from 'mqtt-packet';
import type { ConnectionIdentity } from './connection-identity.js';
import { mqttChannels } from './mqtt-channels.js';

/**
 * An event that a client publishes, on the tracing channel `publish`. `asyncEnd` comes when the broker has acknowledged it (QoS 1 and 2) or it
 * is written (QoS 0), `error` before it if that fails.
 */
export interface PublishEvent {
  readonly connection: ConnectionIdentity;
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /**
   * What goes with the message, with what Nest's dispatch hook attached: User Properties on MQTT 5, nowhere on 3.1.1 unless
   * `wireFormat` is `nest`. `start` may add
   * to it.
   */
  readonly metadata: Record<string, string>;
  /** Why it could not be published. */
  error?: unknown;
}

export const publishing: TracingChannel<unknown, PublishEvent> = tracingChannel(mqttChannels.publish);
