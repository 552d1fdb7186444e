import { BenchProcess } from '../support/bench-process.js';
import type { PendingReport, PendingSettings } from './protocol.js';

/** The heap that pending requests take in a process of their own. */
export async function weighPending(settings: PendingSettings): Promise<PendingReport> {
  const program = new URL('pending-program.js', import.meta.url);
  const child = new BenchProcess<PendingReport>(program, settings, ['--expose-gc']);
  try {
    return await child.report();
  } finally {
    await child.stop();
  }
}
