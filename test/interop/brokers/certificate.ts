import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A certificate for the loopback address that is its own authority, in the forms in which brokers want it. */
export interface Certificate {
  /** PEM, for clients. */
  readonly ca: string;
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  /** Path of a PKCS #12 file with both, for Java. */
  readonly keyStore: string;
  readonly keyStorePassword: string;
}

/** Writes a new one into the folder, for two days. */
export async function createCertificate(folder: string): Promise<Certificate> {
  const paths = {
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
    keyStore: join(folder, 'keystore.p12'),
    keyStorePassword: 'changeit',
  };
  const { cert, key, keyStore, keyStorePassword } = paths;
  await openssl(
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost',
    ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert],
  );
  await openssl(`pkcs12 -export -name broker -passout pass:${keyStorePassword}`, [
    '-inkey',
    key,
    '-in',
    cert,
    '-out',
    keyStore,
  ]);
  return { ...paths, ca: await readFile(cert, 'utf8') };
}

async function openssl(command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)('openssl', [...command.split(' '), ...args]);
}
