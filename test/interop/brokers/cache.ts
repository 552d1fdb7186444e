import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where scripts/install-brokers.sh puts what is in no package of Debian. */
export const CACHE = join(
  fileURLToPath(new URL('../../../', import.meta.url)),
  'node_modules/.cache/interop',
);
