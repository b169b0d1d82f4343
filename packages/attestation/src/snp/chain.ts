import { equalBytes } from '@holdfast/base';

import { extensionOid, verifyCertificateSignature } from '../x509/certificate.ts';
import type { Certificate, SignatureAlgorithm } from '../x509/certificate.ts';
import { commonName } from '../x509/name.ts';
import type { SnpKeyKind } from './endorsement-certificate.ts';
import { spkiSha256 } from './roots.ts';
import type { SnpTrustedRoot } from './roots.ts';

/** A chain as located, not yet verified. */
export interface SnpChain {
  readonly leaf: Certificate;
  readonly leafKind: SnpKeyKind;
  readonly intermediate: Certificate;
  readonly root: Certificate;
  /** The pin the root satisfies. */
  readonly pin: SnpTrustedRoot;
}

export interface SnpChainProblem {
  readonly code: string;
  readonly reason: string;
}

const LEAF_KINDS: Readonly<Record<string, SnpKeyKind>> = { 'SEV-VCEK': 'vcek', 'SEV-VLEK': 'vlek' };

/**
 * Finds leaf, intermediate and root in a bundle of any order. The root is always a pinned one. Every other certificate
 * must be a known intermediate or a genuine pinned root, so that no part of a bundle can change unnoticed.
 */
export function locateSnpChain(
  bundle: readonly Certificate[],
  roots: readonly SnpTrustedRoot[],
  intermediates: readonly Certificate[],
): { readonly chain: SnpChain | undefined; readonly problems: readonly SnpChainProblem[] } {
  const problems: SnpChainProblem[] = [];
  const authorities = bundle.filter(isAuthority);
  const leaves = bundle.filter((certificate) => !isAuthority(certificate) && leafKindOf(certificate) !== undefined);
  const [leaf] = leaves;
  const leafKind = leaf === undefined ? undefined : leafKindOf(leaf);
  if (leaf === undefined || leafKind === undefined || leaves.length > 1) {
    problems.push({
      code: 'SNP_CHAIN_INCOMPLETE',
      reason: `${leaves.length} certificates of a VCEK or VLEK (P-384, SEV-VCEK or SEV-VLEK), expected one`,
    });
    return { chain: undefined, problems };
  }

  const issuing = authorities.filter((certificate) => !isSelfIssued(certificate));
  const candidates = issuing.length > 0 ? issuing : intermediates;
  const intermediate = candidates.find((certificate) => equalBytes(certificate.subjectDer, leaf.issuerDer));
  if (intermediate === undefined) {
    problems.push(
      issuing.length > 0
        ? { code: 'SNP_CHAIN_NAME_MISMATCH', reason: 'no intermediate certificate of the bundle issued the leaf' }
        : { code: 'SNP_CHAIN_INCOMPLETE', reason: 'the intermediate certificate (ASK or ASVK) is missing' },
    );
  }

  const selfIssued = authorities.filter(isSelfIssued);
  const trusted = [...selfIssued, ...roots.flatMap((root) => root.certificate ?? [])].flatMap((certificate) => {
    const pin = roots.find((root) => root.spkiSha256 === spkiSha256(certificate));
    return pin !== undefined && verifyCertificateSignature(certificate, certificate.publicKey)
      ? [{ certificate, pin }]
      : [];
  });
  const strangers = bundle.filter(
    (certificate) =>
      certificate !== leaf &&
      !(intermediate !== undefined && equalBytes(certificate.der, intermediate.der)) &&
      !trusted.some((root) => root.certificate === certificate) &&
      !intermediates.some((known) => equalBytes(known.der, certificate.der)),
  );
  for (const stranger of strangers) {
    const name = commonName(stranger.subject) ?? 'without a common name';
    problems.push({
      code: 'SNP_ROOT_UNTRUSTED',
      reason: `the bundle holds a certificate (${name}) that is no pinned root and no known issuer`,
    });
  }
  if (intermediate === undefined) return { chain: undefined, problems };

  const root = trusted.find(({ certificate }) => equalBytes(certificate.subjectDer, intermediate.issuerDer));
  if (root === undefined) {
    if (strangers.length === 0)
      problems.push({ code: 'SNP_CHAIN_INCOMPLETE', reason: 'no pinned root certificate for this chain' });
    return { chain: undefined, problems };
  }
  return { chain: { leaf, leafKind, intermediate, root: root.certificate, pin: root.pin }, problems };
}

/** Which names of a located chain are not those of AMD's: ASK for a VCEK, ASVK for a VLEK, under the root of the product. */
export function snpNameProblems({ leafKind, intermediate, root, pin }: SnpChain): readonly SnpChainProblem[] {
  const names = [
    [intermediate, leafKind === 'vcek' ? `SEV-${pin.product}` : `SEV-VLEK-${pin.product}`],
    [root, `ARK-${pin.product}`],
  ] as const;
  return names
    .filter(([certificate, expected]) => commonName(certificate.subject) !== expected)
    .map(([certificate, expected]) => ({
      code: 'SNP_CHAIN_NAME_MISMATCH',
      reason: `issuer "${commonName(certificate.subject) ?? ''}" where "${expected}" is due`,
    }));
}

/** Which signatures of a located chain do not hold, and which issuers may not issue. */
export function snpSignatureProblems({ leaf, intermediate, root, pin }: SnpChain): readonly SnpChainProblem[] {
  const reasons: string[] = [];
  const links = [
    ['leaf', leaf, intermediate],
    ['intermediate', intermediate, root],
    ['root', root, root],
  ] as const;
  for (const [name, certificate, issuer] of links) {
    if (!isRequiredPss(certificate.signatureAlgorithm))
      reasons.push(`the ${name} is not signed with RSASSA-PSS, SHA-384 and a salt of 48 bytes`);
    else if (!verifyCertificateSignature(certificate, issuer.publicKey))
      reasons.push(`the signature of the ${name} does not hold`);
  }
  // Real roots have 4096 bits; a simulated one may be smaller so that tests need not wait for its key.
  const minimumBits = pin.simulated ? 2048 : 4096;
  for (const [name, authority, below] of [
    ['intermediate', intermediate, 0],
    ['root', root, 1],
  ] as const) {
    if (!mayIssue(authority, below)) reasons.push(`the ${name} may not issue certificates`);
    const bits = authority.publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    if (authority.publicKey.asymmetricKeyType !== 'rsa' || bits < minimumBits)
      reasons.push(`the key of the ${name} is not RSA of ${minimumBits} bits`);
  }
  return reasons.map((reason) => ({ code: 'SNP_CHAIN_SIGNATURE_INVALID', reason }));
}

/** RSASSA-PSS with SHA-384 for message and mask, salt of 48 bytes: the only signature AMD's authorities make. */
export function isRequiredPss(algorithm: SignatureAlgorithm): boolean {
  return (
    algorithm.kind === 'rsa-pss' &&
    algorithm.hash === 'sha384' &&
    algorithm.mgfHash === 'sha384' &&
    algorithm.saltLength === 48
  );
}

/** Which certificates of a located chain are not valid at `now` (ms). */
export function snpValidityProblems({ leaf, intermediate, root }: SnpChain, now: number): readonly SnpChainProblem[] {
  return [leaf, intermediate, root].flatMap((certificate) => {
    const name = commonName(certificate.subject) ?? 'certificate';
    if (now < certificate.notBefore) {
      return [
        { code: 'SNP_NOT_YET_VALID', reason: `${name} is valid from ${new Date(certificate.notBefore).toISOString()}` },
      ];
    }
    if (now > certificate.notAfter) {
      return [{ code: 'SNP_EXPIRED', reason: `${name} expired at ${new Date(certificate.notAfter).toISOString()}` }];
    }
    return [];
  });
}

const UNDERSTOOD: ReadonlySet<string> = new Set([extensionOid.basicConstraints, extensionOid.keyUsage]);

/** @param below How many authorities stand between this one and the leaf. */
function mayIssue(certificate: Certificate, below: number): boolean {
  return (
    isAuthority(certificate) &&
    (certificate.basicConstraints?.pathLength ?? below) >= below &&
    certificate.keyUsage?.includes('keyCertSign') === true &&
    certificate.extensions.every((extension) => !extension.critical || UNDERSTOOD.has(extension.oid))
  );
}

function isAuthority(certificate: Certificate): boolean {
  return certificate.basicConstraints?.ca === true;
}

function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.issuerDer, certificate.subjectDer);
}

function leafKindOf(certificate: Certificate): SnpKeyKind | undefined {
  const name = commonName(certificate.subject);
  if (certificate.publicKey.asymmetricKeyDetails?.namedCurve !== 'secp384r1') return undefined;
  return name === undefined || !Object.hasOwn(LEAF_KINDS, name) ? undefined : LEAF_KINDS[name];
}
