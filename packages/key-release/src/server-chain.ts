import { X509Certificate } from 'node:crypto';

import { verifyCertificateSignature } from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { equalBytes, VerificationError } from '@holdfast/base';

const CODE = 'RELEASE_RESPONSE_CHAIN';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_PURPOSE = '2.5.29.37.0';
/** Critical extensions that are understood here: key usage, alternative names, constraints, policies, extended key usage. */
const UNDERSTOOD = new Set(['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.32', '2.5.29.37']);
const NAME_CONSTRAINTS = '2.5.29.30';
const MAX_DEPTH = 5;

/**
 * Verifies a web server certificate: a path over `intermediates` to one of `trustedRoots`, all valid now, for TLS servers,
 * and for `host` (a DNS name or an IP address). Certificates of authorities with name constraints are refused.
 * @throws VerificationError RELEASE_RESPONSE_CHAIN
 * @see RFC 5280 section 6, RFC 9525
 */
export function verifyServerChain(options: {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly trustedRoots: readonly Certificate[];
  /** Without a port; IPv6 without brackets. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}): void {
  const { leaf, host, now } = options;
  checkValid(leaf, now, 'the certificate of the vault');
  if (leaf.basicConstraints?.ca === true) throw refused('the certificate of the vault is one of an authority');
  if (leaf.extendedKeyUsage?.includes(SERVER_AUTH) !== true) throw refused('the certificate is not for TLS servers');
  if (leaf.keyUsage?.includes('digitalSignature') === false)
    throw refused('the key of the vault is not for signatures');
  if (!namesHost(leaf, host)) throw refused(`the certificate is not for ${host}`);
  if (!leadsToRoot(leaf, 0, options)) throw refused('no valid path leads to a trusted root');
}

function leadsToRoot(
  certificate: Certificate,
  depth: number,
  options: {
    readonly intermediates: readonly Certificate[];
    readonly trustedRoots: readonly Certificate[];
    readonly now: number;
  },
): boolean {
  const issued = (issuer: Certificate): boolean =>
    equalBytes(issuer.subjectDer, certificate.issuerDer) &&
    mayIssue(issuer, depth, options.now) &&
    verifyCertificateSignature(certificate, issuer.publicKey);
  if (options.trustedRoots.some(issued)) return true;
  if (depth >= MAX_DEPTH) return false;
  return options.intermediates.some((issuer) => issued(issuer) && leadsToRoot(issuer, depth + 1, options));
}

/** @param below How many certificates of authorities stand between this one and the leaf. */
function mayIssue(issuer: Certificate, below: number, now: number): boolean {
  const { basicConstraints, keyUsage, extendedKeyUsage: purposes } = issuer;
  return (
    basicConstraints?.ca === true &&
    (basicConstraints.pathLength === undefined || basicConstraints.pathLength >= below) &&
    keyUsage?.includes('keyCertSign') !== false &&
    (purposes === undefined || purposes.includes(SERVER_AUTH) || purposes.includes(ANY_PURPOSE)) &&
    !issuer.extensions.some(({ oid, critical }) => oid === NAME_CONSTRAINTS || (critical && !UNDERSTOOD.has(oid))) &&
    now >= issuer.notBefore &&
    now <= issuer.notAfter
  );
}

function checkValid(certificate: Certificate, now: number, what: string): void {
  if (now < certificate.notBefore) throw refused(`${what} is not yet valid`);
  if (now > certificate.notAfter) throw refused(`${what} is expired`);
  const strange = certificate.extensions.find(({ oid, critical }) => critical && !UNDERSTOOD.has(oid));
  if (strange !== undefined) throw refused(`${what} has critical extension ${strange.oid}, which is not understood`);
}

function namesHost(leaf: Certificate, host: string): boolean {
  const certificate = new X509Certificate(leaf.der);
  if (/^[\d.]+$|:/.test(host)) return certificate.checkIP(host) !== undefined;
  const options = { subject: 'never', wildcards: true, partialWildcards: false, multiLabelWildcards: false } as const;
  return certificate.checkHost(host, options) !== undefined;
}

function refused(problem: string): VerificationError {
  return new VerificationError(CODE, `release response: ${problem}`);
}
