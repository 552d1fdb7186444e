import { randomFillSync } from 'node:crypto';

const BYTES = 12;
const pool = Buffer.alloc(BYTES * 256);
let used = pool.length;

/** 96 random bits in 16 characters: what nobody can guess, and ten thousand of which are small. */
export function createRequestId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return pool.toString('base64url', used - BYTES, used);
}
