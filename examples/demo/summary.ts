import type { Dashboard } from './dashboard/dashboard.js';
import { journal, type What } from './journal.js';

export function printSummary({ roundTripsMs }: Dashboard, elapsedMs: number): void {
  const lines: [title: string, value: string | number][] = [
    ['Devices published', count('publishes')],
    [
      'Service handled',
      `readings: ${count('reading')}, alarms: ${count('alarm')}, images: ${count('image')}`,
    ],
    ['Requests', `answered: ${roundTripsMs.length}, refused: ${count('refusal')}`],
    ['Round trip', `${median(roundTripsMs).toFixed(2)} ms (median)`],
    ['Values of streams', count('total')],
    ['Announcements', `${count('announces')}, displayed: ${count('displays')}`],
    ['Time', `${(elapsedMs / 1000).toFixed(1)} s`],
  ];
  console.log();
  for (const [title, value] of lines) console.log(`${title.padEnd(19)}${value}`);
}

function count(what: What): number {
  return journal.count(what);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
