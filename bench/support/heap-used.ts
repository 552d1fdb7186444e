import { setImmediate } from 'node:timers/promises';

const COLLECTIONS = 4;

/** Bytes that are left when nothing more is found to be collected; needs --expose-gc. */
export async function heapUsed(): Promise<number> {
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    await setImmediate();
    globalThis.gc!();
  }
  return process.memoryUsage().heapUsed;
}
