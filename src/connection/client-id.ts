import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ConfigurationError } from '../errors.js';

interface Settings {
  readonly clientId?: string | undefined;
  readonly clean?: boolean | undefined;
}

const PLACEHOLDERS: Readonly<Record<string, () => string>> = {
  uuid: randomUUID,
  hostname,
  pid: () => String(process.pid),
};
/** What nobody is called a second time. */
const PASSING: ReadonlySet<string> = new Set(['uuid', 'pid']);

/**
 * The Client Identifier, with its placeholders filled; by default one of its own, within the 23 characters that every broker
 * takes [MQTT-3.1.3-5].
 * @throws {ConfigurationError}
 */
export function createClientId({ clientId, clean = true }: Settings): string {
  if (!clean && !clientId)
    throw new ConfigurationError(
      'A session that is kept (clean: false) needs a clientId that stays the same',
    );
  if (clientId === undefined) return `nest${randomBytes(8).toString('hex')}`;
  return clientId.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => fill(name, clientId, clean));
}

function fill(name: string, clientId: string, clean: boolean): string {
  const value = Object.hasOwn(PLACEHOLDERS, name) ? PLACEHOLDERS[name] : undefined;
  if (value === undefined) {
    const known = Object.keys(PLACEHOLDERS).map((placeholder) => `{${placeholder}}`);
    throw new ConfigurationError(
      `{${name}} in the clientId "${clientId}" is not known: there are ${known.join(', ')}`,
    );
  }
  if (!clean && PASSING.has(name)) {
    throw new ConfigurationError(
      `A session that is kept (clean: false) needs a clientId that stays the same, which "${clientId}" does not: nobody would find the session again`,
    );
  }
  return value();
}
