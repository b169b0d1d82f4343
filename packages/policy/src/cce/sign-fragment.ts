import { createHash } from 'node:crypto';

import { CborTagged, type CborValue, coseHeader, encodeCbor } from '@holdfast/attestation';
import { RequestError, toBase64Url, toUtf8 } from '@holdfast/base';

/** COSE algorithm identifiers (RFC 9053, RFC 8230) by the names that fragments may be signed with. */
const ALGORITHMS = { ES256: -7, ES384: -35, ES512: -36, EdDSA: -8, PS256: -37, PS384: -38, PS512: -39 } as const;

export type FragmentAlgorithm = keyof typeof ALGORITHMS;

/** Whoever holds the key of a fragment's issuer: a key in memory, a vault, a security module. */
export interface FragmentSigner {
  readonly algorithm: FragmentAlgorithm;
  /** DER, leaf first, root last. */
  readonly certificates: readonly Uint8Array[];
  /** The raw signature of the bytes as COSE wants it (for ECDSA r and s side by side). The bytes are not hashed yet. */
  readonly sign: (toBeSigned: Uint8Array) => Promise<Uint8Array>;
}

export interface FragmentStatement {
  /** Text of the fragment. */
  readonly text: string;
  /** did:x509 of the signing chain, see `fragmentIssuer`. */
  readonly issuer: string;
  /** Where the fragment is published, such as `contoso.azurecr.io/sidecar`. */
  readonly feed: string;
  /** Security version for the header; the guest takes the one in the text when it is missing. */
  readonly svn?: string;
}

/** Content type and OCI artifact type of fragments. */
export const fragmentContentType = 'application/unknown+rego';
export const fragmentArtifactType = 'application/x-ms-ccepolicy-frag';

const COSE_SIGN1 = 18;

/** Signs a fragment: a tagged COSE_Sign1 with the text as its payload (RFC 9052 section 4.2). */
export async function signFragment(
  { text, issuer, feed, svn }: FragmentStatement,
  signer: FragmentSigner,
): Promise<Uint8Array> {
  const payload = toUtf8(text);
  const protectedBytes = encodeCbor(
    new Map<number | string, CborValue>([
      [coseHeader.algorithm, ALGORITHMS[signer.algorithm]],
      [coseHeader.contentType, fragmentContentType],
      [coseHeader.x5chain, signer.certificates],
      ['iss', issuer],
      ['feed', feed],
      ...(svn === undefined ? [] : [['svn', svn] as const]),
    ]),
  );
  const signature = await signer.sign(encodeCbor(['Signature1', protectedBytes, new Uint8Array(), payload]));
  return encodeCbor(new CborTagged(COSE_SIGN1, [protectedBytes, new Map(), payload, signature]));
}

/**
 * The did:x509 issuer of a chain (DER, leaf first): the fingerprint of its root, and a policy for the leaf such as
 * `eku:1.3.6.1.4.1.311.76.59.1.3`.
 * @throws RequestError CCE_OPTION_INVALID for an empty chain or policy
 */
export function fragmentIssuer(certificates: readonly Uint8Array[], policy: string): string {
  const root = certificates.at(-1);
  if (root === undefined || policy === '') {
    throw new RequestError('CCE_OPTION_INVALID', 'an issuer needs a certificate chain and a policy for its leaf');
  }
  return `did:x509:0:sha256:${toBase64Url(createHash('sha256').update(root).digest())}::${policy}`;
}
