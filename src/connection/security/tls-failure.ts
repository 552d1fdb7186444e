import { printable } from '../../errors.js';

/** What OpenSSL and Node call a failure, what it is, and what to do about it. */
const FAILURES: readonly (readonly [what: RegExp, advice: string])[] = [
  [
    /CERT_HAS_EXPIRED/,
    "the broker's certificate has expired: it must be renewed, unless the clock of this machine is wrong",
  ],
  [
    /CERT_NOT_YET_VALID/,
    "the broker's certificate is not yet valid: is the clock of this machine, or of the one that made it, wrong?",
  ],
  [
    /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/,
    "the broker's certificate is from an authority that is not trusted: give the authority's certificate as ca",
  ],
  [/certificate.required/i, 'the broker asks for a certificate of this client: give cert and key'],
  [
    /handshake.failure/i,
    'the broker asks for a certificate of this client (give cert and key), or has no TLS version or cipher in common with it',
  ],
  [
    /alert.unknown.ca/i,
    "the broker does not trust the authority of this client's cert: give one from an authority that it knows",
  ],
  [/alert.certificate.expired/i, "this client's cert has expired: it must be renewed"],
  [
    /alert.(bad.certificate|certificate.(revoked|unknown)|unsupported.certificate)/i,
    "the broker refuses this client's cert: its log says why",
  ],
  [/wrong.version.number/i, 'the broker speaks no TLS on this port: try another port, or mqtt:// or ws://'],
];

/** What is wrong with a TLS connection, in words that say what to do; `undefined` if it is something else. */
export function describeTlsFailure(error: Error & { readonly code?: unknown }): string | undefined {
  const code = String(error.code);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${code}: ${describeWrongHost(error)}`;
  const failure = FAILURES.find(([what]) => what.test(code) || what.test(error.message));
  return failure && `${code}: ${failure[1]}`;
}

function describeWrongHost({
  host,
  cert,
}: Error & { host?: string; cert?: { subjectaltname?: string } }): string {
  const names = cert?.subjectaltname ?? 'nobody';
  return printable(
    `the broker's certificate is for ${names}, not for "${host}": connect to a name that it has, or give one as servername`,
  );
}
