import { ConnectionError, describeError } from '../../errors.js';

/** A user name and a password, or a token in either; what is left out is that of the other options. */
export interface Credentials {
  /** Default: the option `username`. */
  readonly username?: string | undefined;
  /** Default: the option `password`. */
  readonly password?: string | Buffer | undefined;
  /** What begins enhanced authentication (MQTT 5). Default: that of `properties`. */
  readonly authenticationData?: Buffer | undefined;
}

/** Gives the credentials of an attempt to connect. */
export type RefreshCredentials = () => Credentials | Promise<Credentials>;

interface Settings {
  readonly timeoutMs: number;
  /** The broker's address, for messages. */
  readonly broker: string;
}

/** @throws {ConnectionError} if there is no answer in time, or not one that is credentials */
export async function fetchCredentials(
  refresh: RefreshCredentials,
  { timeoutMs, broker }: Settings,
): Promise<Credentials> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return checked(await Promise.race([refresh(), expired]));
  } catch (cause) {
    const message = `Cannot connect to ${broker} (refreshCredentials failed: ${describeError(cause)})`;
    throw new ConnectionError(message, broker, undefined, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function checked(value: Credentials | null | undefined): Credentials {
  const { username, password, authenticationData: data } = value ?? {};
  const isName = username === undefined || typeof username === 'string';
  const isSecret = password === undefined || typeof password === 'string' || Buffer.isBuffer(password);
  if (value != null && isName && isSecret && (data === undefined || Buffer.isBuffer(data))) return value;
  throw new TypeError('it must give { username, password }');
}
