import { channel } from 'node:diagnostics_channel';
import { mqttChannels } from '../diagnostics/mqtt-channels.js';
import type { HealthCollection, HealthReport } from './health-reports.js';

/**
 * How all open servers and clients of the process are now. A server is open from `listen()` on, a client from its first connection on, until it is
 * closed, or somebody closes the connection that it shares; one whose connection is given up stays open.
 */
export function collectHealth(): HealthReport[] {
  const reports: HealthReport[] = [];
  const collection: HealthCollection = { add: (report) => reports.push(report) };
  channel(mqttChannels.collect).publish(collection);
  return reports;
}
