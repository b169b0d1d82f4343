import {
  coseAlgorithm,
  coseHeader,
  type CoseSign1,
  decodeCoseSign1,
  readSigningChain,
  resolveDidX509,
  verifyCoseSign1,
} from '@holdfast/attestation';
import { fromUtf8, MalformedError, PlatformError, UnsupportedError, VerificationError } from '@holdfast/base';

import { type CcePolicyDocument, readCcePolicy } from './read-policy.ts';
import type { FragmentImport } from './policy-model.ts';
import { requireFragmentNamespace } from './write-fragment.ts';

/** A fragment whose signature and issuer hold. */
export interface VerifiedFragment {
  readonly issuer: string;
  readonly feed: string;
  /** From the header, else from the text. */
  readonly svn: string | undefined;
  readonly text: string;
  readonly document: CcePolicyDocument;
}

/** Far above any fragment; the platform's carriers hold less. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Verifies a signed fragment: signature, certificate chain, and that the did:x509 issuer in the header is that of the
 * chain. Whether the issuer is wanted is for a policy to say. `at` is the instant (ms since the epoch) at which
 * certificates must be valid; leave it out to not judge that, as the guest does, which has no clock it can trust.
 * Signatures by ES384 and RSASSA-PSS can be verified.
 * @throws MalformedError CCE_FRAGMENT_INVALID, REGO_MALFORMED, CCE_POLICY_INVALID; UnsupportedError
 * CCE_FRAGMENT_ALGORITHM; VerificationError CCE_FRAGMENT_UNTRUSTED; RequestError CCE_NAMESPACE_INVALID
 */
export function verifyFragment(cose: Uint8Array, at?: number): VerifiedFragment {
  if (cose.length > MAX_BYTES) throw invalid(`the fragment is larger than ${MAX_BYTES} bytes`);
  const envelope = decodeCoseSign1(cose, 'CCE_FRAGMENT_INVALID');
  const claims = envelope.protectedHeader.get(coseHeader.cwtClaims);
  const claim = (name: string, label: number) => {
    const value =
      envelope.protectedHeader.get(name) ??
      (claims instanceof Map ? (claims.get(label) ?? claims.get(name)) : undefined);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
  const issuer = claim('iss', 1);
  const feed = claim('feed', 2);
  if (issuer === undefined || feed === undefined)
    throw invalid('the header of the fragment names no issuer or no feed');
  verifySignature(envelope, issuer, at);
  const text = payloadText(envelope);
  const document = readCcePolicy(text);
  requireFragmentNamespace(document.package);
  return { issuer, feed, svn: claim('svn', -1) ?? document.svn, text, document };
}

/** The import with which a policy admits a fragment from its present version on. */
export function importOfFragment(
  { issuer, feed, svn }: VerifiedFragment,
  includes: readonly string[] = ['containers', 'fragments'],
): FragmentImport {
  if (svn === undefined) throw invalid('the fragment states no security version');
  return { issuer, feed, minimum_svn: svn, includes };
}

function verifySignature(envelope: CoseSign1, issuer: string, at: number | undefined): void {
  const algorithm = coseAlgorithm(envelope);
  if (algorithm === undefined) {
    throw new UnsupportedError(
      'CCE_FRAGMENT_ALGORITHM',
      'the fragment is signed by an algorithm that is not verified here',
    );
  }
  try {
    const chain = readSigningChain(envelope.protectedHeader);
    const [leaf] = chain;
    if (leaf === undefined || !verifyCoseSign1(envelope, algorithm, leaf.publicKey)) {
      throw new VerificationError('CCE_FRAGMENT_UNTRUSTED', 'the signature of the fragment does not hold');
    }
    resolveDidX509(issuer, chain, at);
  } catch (cause) {
    if (!(cause instanceof PlatformError) || cause.code === 'CCE_FRAGMENT_UNTRUSTED') throw cause;
    throw new VerificationError(
      'CCE_FRAGMENT_UNTRUSTED',
      `the issuer of the fragment is not that of its chain: ${cause.message}`,
      { cause },
    );
  }
}

function payloadText({ payload }: CoseSign1): string {
  try {
    return fromUtf8(payload);
  } catch (cause) {
    throw new MalformedError('CCE_FRAGMENT_INVALID', 'the text of the fragment is not UTF-8', { cause });
  }
}

function invalid(problem: string): MalformedError {
  return new MalformedError('CCE_FRAGMENT_INVALID', problem);
}
