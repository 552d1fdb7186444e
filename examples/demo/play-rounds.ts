import { setTimeout } from 'node:timers/promises';
import { firstValueFrom, lastValueFrom, ReplaySubject } from 'rxjs';
import type { BrokerAddress } from './broker.js';
import type { Dashboard } from './dashboard/dashboard.js';
import { runCamera, runMeter, runSmokeDetector } from './devices/sensors.js';
import { Thermostat } from './devices/thermostat.js';
import { journal, type Counts } from './journal.js';

/** How long a round may take. */
const DEADLINE_MS = 15_000;
const PAUSE_MS = 2000;

/** One round, or one after the other until Ctrl-C. */
export async function playRounds(broker: BrokerAddress, dashboard: Dashboard, watch: boolean): Promise<void> {
  const stop = new AbortController();
  if (watch) process.once('SIGINT', () => stop.abort());
  for (let round = 1; ; round += 1) {
    await withinDeadline(playRound(broker, dashboard, round), expectedAfter(round));
    if (!watch) return;
    await setTimeout(PAUSE_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    if (stop.signal.aborted) return;
  }
}

async function withinDeadline(round: Promise<void>, expected: Counts): Promise<void> {
  const arrived = round.then(() => journal.reached(expected));
  const late = setTimeout(DEADLINE_MS, 'late', { ref: false });
  if ((await Promise.race([arrived, late])) !== 'late') return;
  const missing = journal.missing(expected).join(', ');
  throw new Error(`Not everything has arrived within ${DEADLINE_MS / 1000} s (${missing})`);
}

/** What has happened, at least, after so many rounds. */
function expectedAfter(rounds: number): Counts {
  const each = { reading: 6, alarm: 2, image: 1, total: 5, target: 2, answer: 3, refusal: 1, displays: 1 };
  return Object.fromEntries(Object.entries(each).map(([what, count]) => [what, count * rounds]));
}

/** Everybody does once what they are there for. */
async function playRound(broker: BrokerAddress, dashboard: Dashboard, round: number): Promise<void> {
  const thermostat = await Thermostat.connect(broker, 'oslo', 't1');
  await meterConsumption(broker, dashboard);
  await runSmokeDetector(broker, 'bergen', 'kitchen');
  await runCamera(broker, 'bergen', 'door');
  await dashboard.setTarget('bathroom', 23);
  await dashboard.setTarget('bedroom', 17);
  await dashboard.setTarget('sauna', 90);
  await dashboard.pollTarget('bathroom', 20);
  await dashboard.setMode('t1', 'eco');
  await dashboard.announce('The heating pauses at 22:00');
  await journal.reached({ displays: round });
  thermostat.vanish();
}

/** The dashboard follows the total of a site while two of its meters, and one of another site, publish. */
async function meterConsumption(broker: BrokerAddress, dashboard: Dashboard): Promise<void> {
  const totals = new ReplaySubject<number>();
  dashboard.followConsumption('oslo', 5).subscribe(totals);
  await firstValueFrom(totals);
  await runMeter(broker, 'oslo', 'm1');
  await runMeter(broker, 'oslo', 'm2');
  await runMeter(broker, 'bergen', 'm3');
  await lastValueFrom(totals);
}
