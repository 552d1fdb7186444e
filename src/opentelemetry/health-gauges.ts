import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import { collectHealth, type HealthReport } from '../index.js';
import { connectionAttributes } from './connection-attributes.js';

/** What of a report each gauge adds up, or of each connection, which several may share. */
const GAUGES: Readonly<
  Record<string, readonly [unit: string, description: string, read: Read, of?: 'connection']>
> = {
  'nestjs_mqtt.instances': ['instance', 'Open servers and clients', () => 1],
  'nestjs_mqtt.instances.connected': [
    'instance',
    'Open servers and clients that are connected',
    ({ status }) => (status === 'connected' ? 1 : 0),
  ],
  'nestjs_mqtt.subscriptions.wanted': [
    'subscription',
    'Subscriptions that there are to be',
    ({ subscriptions }) => subscriptions.wanted,
    'connection',
  ],
  'nestjs_mqtt.subscriptions.granted': [
    'subscription',
    'Subscriptions that the broker has granted',
    ({ subscriptions }) => subscriptions.granted,
    'connection',
  ],
  'nestjs_mqtt.handlers.running': ['run', 'Runs of handlers that go on', ({ running }) => running],
  'nestjs_mqtt.messages.waiting': ['message', 'Messages that wait for a handler', ({ waiting }) => waiting],
  'nestjs_mqtt.requests.pending': [
    'request',
    'Requests that wait for a reply',
    ({ pendingRequests }) => pendingRequests,
  ],
};

type Read = (health: HealthReport['health']) => number | undefined;

interface Gauge {
  readonly instrument: Observable;
  readonly read: Read;
  readonly of: 'connection' | undefined;
}

/**
 * What `health()` of all open servers and clients says, when it is asked for: added up by broker and role.
 * @returns stops it
 */
export function observeHealth(meter: Meter): () => void {
  const gauges = Object.entries(GAUGES).map(([name, [unit, description, read, of]]): Gauge => {
    const options = { unit: `{${unit}}`, description };
    return { instrument: meter.createObservableUpDownCounter(name, options), read, of };
  });
  const instruments = gauges.map(({ instrument }) => instrument);
  const observe = (result: BatchObservableResult): void => {
    const groups = groupReports();
    for (const gauge of gauges) for (const group of groups) observeGroup(result, gauge, group);
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}

function observeGroup(
  result: BatchObservableResult,
  { instrument, read, of }: Gauge,
  group: readonly [HealthReport, ...HealthReport[]],
): void {
  const [first] = group;
  const counted = of === 'connection' ? onePerConnection(group) : group;
  const values = counted.flatMap(({ health }) => read(health) ?? []);
  if (values.length === 0) return;
  const sum = values.reduce((total, value) => total + value, 0);
  result.observe(instrument, sum, {
    ...connectionAttributes(first.connection),
    'nestjs_mqtt.role': first.role,
  });
}

function onePerConnection(reports: readonly HealthReport[]): HealthReport[] {
  return [...new Map(reports.map((report) => [report.connection, report])).values()];
}

function groupReports(): [HealthReport, ...HealthReport[]][] {
  const groups = new Map<string, [HealthReport, ...HealthReport[]]>();
  for (const report of collectHealth()) {
    const key = `${report.role} ${report.connection.broker}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [report]);
    else group.push(report);
  }
  return [...groups.values()];
}
