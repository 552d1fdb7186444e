import { readFileSync } from 'node:fs';
import type { IClientOptions } from 'mqtt';
import { ConfigurationError } from '../../errors.js';

/** A certificate or key: PEM, or the path of a file with it. */
export type Pem = string | Buffer;

/** What a TLS connection needs, as MQTT.js and Node's `tls` name it. */
export interface TlsOptions {
  /**
   * The certificates of the authorities that the broker's may be from: PEM, or paths of files with it. Default: those that
   * Node trusts.
   */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** This client's own certificate, for brokers that ask for one, with those between it and the authority's: PEM or a path. Default: none. */
  readonly cert?: Pem | readonly Pem[] | undefined;
  /** The private key of `cert`: PEM or a path, or, as Node has it, `[{ pem, passphrase }]`. Default: none. */
  readonly key?: Pem | readonly (Pem | PemWithPassphrase)[] | undefined;
}

interface PemWithPassphrase {
  readonly pem: Pem;
  readonly passphrase?: string | undefined;
}

type Name = keyof TlsOptions;

const NAMES: readonly Name[] = ['ca', 'cert', 'key'];
const BASE64 = /^[\w+/=\s]{60,}$/;

/**
 * The same with the files that it names read.
 * @throws {ConfigurationError} naming the option and the path of one that cannot be read
 */
export function readTlsFiles(options: TlsOptions): Pick<IClientOptions, Name> {
  const given = NAMES.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, readAll(name, options[name])]));
}

function readAll(name: Name, value: TlsOptions[Name]): unknown {
  return Array.isArray(value) ? value.map((entry) => read(name, entry)) : read(name, value);
}

function read(name: Name, value: unknown): unknown {
  if (isKeyWithPassphrase(value)) return { ...value, pem: read(name, value.pem) };
  if (typeof value !== 'string' || value.includes('-----BEGIN ')) return value;
  try {
    return readFileSync(value);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ConfigurationError(
      `${name}: ${shown(value)} is not PEM, and cannot be read as a file (${code ?? message})`,
      { cause },
    );
  }
}

function isKeyWithPassphrase(value: unknown): value is PemWithPassphrase {
  return typeof value === 'object' && value !== null && 'pem' in value;
}

/** A key that has lost its first line must not get into a log. */
function shown(value: string): string {
  return BASE64.test(value) ? 'the text' : `"${value}"`;
}
