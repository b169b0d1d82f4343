import { createHash } from 'node:crypto';

import { equalBytes, fromUtf8, toBase64Url, VerificationError } from '@holdfast/base';

import { DerReader, tag } from '../der/reader.ts';
import { extensionOid, verifyCertificateSignature } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { checkNameConstraints } from './name-constraints.ts';

const CODE = 'DID_X509_INVALID';
const HASHES: readonly string[] = ['sha256', 'sha384', 'sha512'];
const SUBJECT_KEYS: readonly string[] = ['CN', 'L', 'ST', 'O', 'OU', 'C', 'STREET'];
const OID = /^\d+(?:\.\d+)+$/;
const FULCIO_ISSUER = '1.3.6.1.4.1.57264.1.1';
const SAN_TAGS: Readonly<Record<number, string>> = { 0x81: 'email', 0x82: 'dns', 0x86: 'uri' };
const DIRECTORY_NAME = 0xa4;
const LEAF_USAGES: readonly string[] = ['digitalSignature', 'keyAgreement'];
const UNDERSTOOD: ReadonlySet<string> = new Set([
  extensionOid.keyUsage,
  extensionOid.extendedKeyUsage,
  extensionOid.basicConstraints,
  extensionOid.subjectAltName,
  extensionOid.certificatePolicies,
  extensionOid.nameConstraints,
]);

interface Policy {
  readonly name: string;
  readonly parameters: readonly string[];
}

/**
 * Resolves a did:x509 identifier (version 0) against a chain, leaf first: the fingerprint names a certificate above the
 * leaf, every certificate is issued by its successor, and every policy of the identifier holds for the leaf.
 * Name constraints are enforced for DNS names; constraints of another form are refused.
 * @param at The instant to judge validity at, ms; undefined leaves validity out.
 * @throws VerificationError DID_X509_INVALID
 * @see did:x509 method specification, Microsoft
 */
export function resolveDidX509(did: string, chain: readonly Certificate[], at: number | undefined): void {
  const { hash, fingerprint, policies } = parseDid(did);
  const [leaf, ...authorities] = chain;
  if (leaf === undefined || authorities.length === 0) throw refused('a chain of at least two certificates is needed');
  if (!authorities.some(({ der }) => toBase64Url(createHash(hash).update(der).digest()) === fingerprint)) {
    throw refused('the fingerprint matches no certificate above the leaf');
  }
  checkChain(chain, at);
  checkLeaf(leaf);
  for (const policy of policies) checkPolicy(policy, leaf);
}

function parseDid(did: string): { hash: string; fingerprint: string; policies: readonly Policy[] } {
  const [identifier = ''] = did.split('#');
  if (/[/?]/.test(identifier)) throw refused('a path or query');
  const [head = '', ...texts] = identifier.split('::');
  const [scheme, method, version, hash = '', fingerprint = '', ...rest] = head.split(':');
  if (scheme !== 'did' || method !== 'x509' || version !== '0' || !HASHES.includes(hash) || rest.length > 0) {
    throw refused('not a did:x509 identifier of version 0');
  }
  if (texts.length === 0) throw refused('no policy');
  const policies = texts.map((text) => {
    const [name = '', ...parameters] = text.split(':');
    return { name, parameters };
  });
  return { hash, fingerprint, policies };
}

function checkChain(chain: readonly Certificate[], at: number | undefined): void {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? certificate;
    const last = index === chain.length - 1;
    if (!equalBytes(certificate.issuerDer, issuer.subjectDer)) {
      if (!last) throw refused('a certificate that its successor did not issue');
    } else if (!verifyCertificateSignature(certificate, issuer.publicKey)) {
      throw refused('a certificate signature that does not hold');
    }
    if (at !== undefined && (at < certificate.notBefore || at > certificate.notAfter)) {
      throw refused('a certificate that was not valid at the time');
    }
    const strange = certificate.extensions.find(({ oid, critical }) => critical && !UNDERSTOOD.has(oid));
    if (strange !== undefined) throw refused(`critical extension ${strange.oid} is not understood`);
    if (index > 0) checkAuthority(certificate, index - 1);
  }
  checkNameConstraints(chain, CODE);
}

/** @param below How many intermediate certificates stand between this one and the leaf. */
function checkAuthority(certificate: Certificate, below: number): void {
  const { basicConstraints, keyUsage } = certificate;
  const enough = basicConstraints?.pathLength === undefined || basicConstraints.pathLength >= below;
  if (basicConstraints?.ca !== true || !enough || keyUsage?.includes('keyCertSign') === false) {
    throw refused('an issuer that may not issue');
  }
}

function checkLeaf(leaf: Certificate): void {
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.some((usage) => LEAF_USAGES.includes(usage))) {
    throw refused('the key of the leaf is not for signatures');
  }
  const types = leaf.subject.map(({ type }) => type);
  if (new Set(types).size !== types.length) throw refused('an attribute that stands twice in the subject of the leaf');
  alternativeNames(leaf);
}

function checkPolicy({ name, parameters }: Policy, leaf: Certificate): void {
  if (!policyHolds(name, parameters, leaf)) throw refused(`policy "${name}" does not hold for the leaf`);
}

function policyHolds(name: string, parameters: readonly string[], leaf: Certificate): boolean {
  switch (name) {
    case 'subject':
      return subjectHolds(parameters, leaf);
    case 'san': {
      const [type, value, ...rest] = parameters;
      if (type === undefined || value === undefined || rest.length > 0 || !['email', 'dns', 'uri'].includes(type))
        return false;
      const expected = percentDecode(value);
      return alternativeNames(leaf).some((entry) => entry.type === type && entry.value === expected);
    }
    case 'eku': {
      const [oid, ...rest] = parameters;
      return oid !== undefined && rest.length === 0 && OID.test(oid) && leaf.extendedKeyUsage?.includes(oid) === true;
    }
    case 'fulcio-issuer': {
      const [issuer, ...rest] = parameters;
      const extension = leaf.extensions.find(({ oid }) => oid === FULCIO_ISSUER);
      if (issuer === undefined || rest.length > 0 || extension === undefined) return false;
      return equalBytes(extension.value, new TextEncoder().encode(`https://${percentDecode(issuer)}`));
    }
    default:
      return false;
  }
}

function subjectHolds(parameters: readonly string[], leaf: Certificate): boolean {
  if (parameters.length === 0 || parameters.length % 2 !== 0) return false;
  const keys = parameters.filter((_, index) => index % 2 === 0);
  if (new Set(keys).size !== keys.length) return false;
  return keys.every((key, index) => {
    if (!SUBJECT_KEYS.includes(key) && !OID.test(key)) return false;
    const expected = percentDecode(parameters[index * 2 + 1] ?? '');
    return leaf.subject.some(({ type, value }) => type === key && value === expected);
  });
}

function alternativeNames(leaf: Certificate): readonly { readonly type: string; readonly value: string }[] {
  const extension = leaf.extensions.find(({ oid }) => oid === extensionOid.subjectAltName);
  if (extension === undefined) return [];
  const names: { type: string; value: string }[] = [];
  const list = new DerReader(extension.value, CODE).enter(tag.sequence);
  while (!list.done) {
    const entry = list.next();
    const type = SAN_TAGS[entry.tag];
    if (type !== undefined) names.push({ type, value: String.fromCharCode(...entry.content) });
    else if (entry.tag !== DIRECTORY_NAME) throw refused('an alternative name of a kind that is not understood');
  }
  return names;
}

/** Decodes %HH; any other character outside A–Z a–z 0–9 - . _ is refused. */
function percentDecode(text: string): string {
  if (!/^(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})*$/.test(text)) throw refused('a value that is not percent-encoded');
  const bytes = Uint8Array.from(text.match(/%..|./g) ?? [], (token) =>
    token.length === 3 ? Number.parseInt(token.slice(1), 16) : token.charCodeAt(0),
  );
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new VerificationError(CODE, 'did:x509: a value that is not UTF-8', { cause });
  }
}

function refused(problem: string): VerificationError {
  return new VerificationError(CODE, `did:x509: ${problem}`);
}
