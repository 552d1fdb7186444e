import { diag } from '@opentelemetry/api';

/** What foreign code returns; if it fails, that is reported, and is no reason to fail for anybody else. */
export function safely<T>(what: string, run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    diag.error(`nestjs-mqtt: ${what} failed`, error);
    return undefined;
  }
}
