import { randomBytes } from 'node:crypto';

/** What every topic of this run begins with, so that it disturbs nobody on a broker that others use too. */
export const SCOPE = `demo-${randomBytes(3).toString('hex')}/`;

export function scoped(topic: string): string {
  return SCOPE + topic;
}
