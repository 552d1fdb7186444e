import 'reflect-metadata'; // before x509, which needs it
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509';

/** A certificate and its private key, both as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** Names or IP addresses of a server, `localhost` and `127.0.0.1` by default; or what a client is called. */
  readonly hosts?: readonly string[];
  readonly commonName?: string;
  /** In days from now, -1 and 1 by default: one that ends before 0 has expired. */
  readonly validDays?: readonly [from: number, to: number];
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

cryptoProvider.set(webcrypto as never);

/** A certificate authority of the test's own, which nobody trusts who was not told to. */
export class CertificateAuthority {
  /** Its own certificate, as PEM: what goes into `ca`. */
  readonly cert: string;
  readonly #name: string;
  readonly #keys: webcrypto.CryptoKeyPair;

  constructor(name: string, keys: webcrypto.CryptoKeyPair, cert: string) {
    this.#name = name;
    this.#keys = keys;
    this.cert = cert;
  }

  /** A certificate for a server or a client. */
  async issue({
    hosts = ['localhost', '127.0.0.1'],
    commonName = hosts[0] ?? 'test',
    validDays = [-1, 1],
  }: CertificateRequest = {}): Promise<Certificate> {
    const keys = await createKeys();
    const cert = await createCertificate({
      subject: `CN=${commonName}`,
      issuer: this.#name,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      validDays,
      extensions: [
        new BasicConstraintsExtension(false),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(hosts.map(alternativeName)),
      ],
    });
    return { cert, key: await exportKey(keys.privateKey) };
  }
}

export async function createCertificateAuthority(name = 'Test CA'): Promise<CertificateAuthority> {
  const keys = await createKeys();
  const cert = await createCertificate({
    subject: `CN=${name}`,
    issuer: `CN=${name}`,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    validDays: [-2, 2],
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  return new CertificateAuthority(`CN=${name}`, keys, cert);
}

interface CertificateContent {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: webcrypto.CryptoKey;
  readonly signingKey: webcrypto.CryptoKey;
  readonly validDays: readonly [from: number, to: number];
  readonly extensions: Extension[];
}

async function createCertificate({ validDays: [from, to], ...content }: CertificateContent): Promise<string> {
  const certificate = await X509CertificateGenerator.create({
    ...content,
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    notBefore: new Date(Date.now() + from * DAY_MS),
    notAfter: new Date(Date.now() + to * DAY_MS),
    signingAlgorithm: ALGORITHM,
  });
  return `${certificate.toString('pem')}\n`;
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function alternativeName(host: string): { type: 'dns' | 'ip'; value: string } {
  return { type: /^[\d.]+$/.test(host) ? 'ip' : 'dns', value: host };
}
